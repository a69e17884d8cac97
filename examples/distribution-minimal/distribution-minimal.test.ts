import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createKernel, type Distribution, type Kernel, plan } from 'cloned/kernel'
import { auditKeys, openAuditLog } from 'cloned/plugins/audit'
import { openKeys } from 'cloned/plugins/keys'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { type Shop, shopDistribution } from './distribution.js'

let directory: string
let shop: Shop
let paid: string[]
let kernel: Kernel | undefined

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'distribution-minimal-'))
  paid = []
  const keys = openKeys({ home: directory, workspace: 'shop', marker: join(directory, 'keys.json'), now: Date.now })
  shop = {
    log: openAuditLog({ dir: directory, thread: 'inline', keys: auditKeys(keys, 'shop') }),
    limitCents: 5_000,
    refund: async (order, cents) => {
      // What was paid is in the log already: a payment that nobody recorded cannot exist.
      expect(recorded().at(-1)).toMatchObject({ type: 'tool.intent', target: 'shop.orders.refund@v1' })
      paid.push(`${order} ${cents}`)
    },
  }
})
afterEach(async () => {
  await kernel?.stop()
  kernel = undefined
  await shop.log.close()
  rmSync(directory, { recursive: true })
})

async function call(input: unknown, distribution: Distribution = shopDistribution(shop)) {
  kernel ??= createKernel(distribution, { log: () => ({ debug() {}, info() {}, warn() {}, error() {} }) })
  if (kernel.state === 'planned') await kernel.start()
  return kernel.call({ tool: 'shop.orders.refund@v1', input, actor: 'agent:support' })
}

/** What the kernel recorded; the log's own first record aside. */
function recorded(): { readonly type: string; readonly status?: string }[] {
  const file = join(directory, 'audit.log')
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string })
    .filter(({ type }) => !type.startsWith('log.'))
}

it('it is the kernel and exactly three plugins', () => {
  const { plugins, problems, mayAllow } = plan(shopDistribution(shop))
  expect(problems).toEqual([])
  expect(plugins.map(({ id }) => id)).toEqual(['shop.audit', 'shop.policy', 'shop.tools'])
  expect(mayAllow).toEqual(['shop.policy'])
})

it('an allowed call runs once, recorded before and after', async () => {
  expect(await call({ order: 'A-1', cents: 5_000 })).toMatchObject({ status: 'done', output: { refunded: 5_000 } })
  expect(paid).toEqual(['A-1 5000'])
  expect(recorded()).toMatchObject([{ type: 'tool.intent' }, { type: 'tool.outcome', status: 'done' }])
  expect(await shop.log.verify()).toMatchObject({ ok: true })
})

it.each([
  [{ order: 'A-1', cents: 5_001 }, 'DENIED'],
  [{ order: 'A-1', cents: -5 }, 'INPUT_INVALID'],
  [{ order: 'A-1', cents: 5, limitCents: 1e9 }, 'INPUT_INVALID'],
  [JSON.parse('{"order":"A-1","cents":5,"__proto__":{"cents":1}}'), 'VALUE_NOT_JSON'],
])('%j is denied with %s: nothing is paid, and the refusal is recorded', async (input, code) => {
  expect(await call(input)).toMatchObject({ status: 'denied', code, help: expect.stringMatching(/./) })
  expect(paid).toEqual([])
  expect(recorded()).toMatchObject([{ status: 'denied', code }])
})

it('left without its audit plugin it starts and runs nothing', async () => {
  const blind = { ...shopDistribution(shop), omit: ['shop.audit'] }
  expect(await call({ order: 'A-1', cents: 5 }, blind)).toMatchObject({ status: 'denied', code: 'AUDIT_MISSING' })
  expect(paid).toEqual([])
  expect(recorded()).toEqual([])
})

it('left without its policy it does not boot', () => {
  const lawless = { ...shopDistribution(shop), omit: ['shop.policy'] }
  expect(() => createKernel(lawless)).toThrow(/GUARD_MISSING[\s\S]*MAY_ALLOW_UNKNOWN/)
})

it('the program shows a call that is done, one that is denied, and one that nobody can record', async () => {
  const said: string[] = []
  const spy = vi.spyOn(console, 'log').mockImplementation((line: string) => said.push(line))
  try {
    await import('./index.js')
  } finally {
    spy.mockRestore()
  }
  expect(said).toEqual([
    '  (paying 1999 cents back for A-1001)',
    'a small refund: done',
    expect.stringMatching(/^a large refund: denied \(.*above the limit.*\) -> Ask a colleague/),
    expect.stringMatching(/^audit log: \d+ records, unbroken$/),
    expect.stringMatching(/^a small refund, unrecorded: denied \(.*audit log.*\) -> Add a plugin/),
  ])
})
