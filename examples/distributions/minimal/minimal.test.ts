import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createKernel, type Distribution, type Kernel, plan } from 'cloned/kernel'
import { auditKeys, openAuditLog } from 'cloned/plugins/audit'
import { openKeys } from 'cloned/plugins/keys'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { configOf, shopDistribution, walk } from './index.js'
import { REFUND, type Shop } from './shop.js'

let place: string
let paid: string[]
let kernel: Kernel | undefined
const shop: Shop = {
  limitCents: 5_000,
  refund: async (order, cents) => {
    // What was paid is in the log already: a payment that nobody recorded cannot exist.
    expect(recorded().at(-1)).toMatchObject({ type: 'tool.intent', target: REFUND })
    paid.push(`${order} ${cents}`)
  },
}

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'distribution-minimal-'))
  paid = []
})
afterEach(async () => {
  await kernel?.stop()
  kernel = undefined
  rmSync(place, { recursive: true })
})

async function call(input: unknown, distribution: Distribution = shopDistribution(shop)) {
  const omitted = new Set(distribution.omit)
  const config = Object.fromEntries(Object.entries(configOf(place)).filter(([id]) => !omitted.has(id)))
  kernel ??= createKernel(distribution, { config, log: () => ({ debug() {}, info() {}, warn() {}, error() {} }) })
  if (kernel.state === 'planned') await kernel.start()
  return kernel.call({ tool: REFUND, input, actor: 'agent:support' })
}

/** What the kernel recorded; the log's own first record aside. */
function recorded(): { readonly type: string; readonly status?: string }[] {
  const file = join(place, 'log/audit.log')
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string })
    .filter(({ type }) => !type.startsWith('log.'))
}

it('it is the kernel, who records, who allows, and the tools of the host', () => {
  const { plugins, problems, mayAllow } = plan(shopDistribution(shop), configOf(place))
  expect(problems).toEqual([])
  expect(plugins.map(({ id }) => id)).toEqual(['acme.audit', 'acme.policy', 'shop.tools'])
  expect(mayAllow).toEqual(['acme.policy'])
})

it('an allowed call runs once, recorded before and after', async () => {
  expect(await call({ order: 'A-1', cents: 5_000 })).toMatchObject({ status: 'done', output: { refunded: 5_000 } })
  expect(paid).toEqual(['A-1 5000'])
  expect(recorded()).toMatchObject([{ type: 'tool.intent' }, { type: 'tool.outcome', status: 'done' }])
  await kernel?.stop()
  const dir = join(place, 'log')
  const keys = openKeys({
    home: join(place, 'keys'),
    workspace: 'minimal',
    marker: join(dir, 'keys.json'),
    now: Date.now,
  })
  const log = openAuditLog({ dir, thread: 'inline', keys: auditKeys(keys, 'minimal') })
  expect(await log.verify()).toMatchObject({ ok: true })
  await log.close()
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
  const blind = { ...shopDistribution(shop), omit: ['acme.audit'] }
  expect(await call({ order: 'A-1', cents: 5 }, blind)).toMatchObject({ status: 'denied', code: 'AUDIT_MISSING' })
  expect(paid).toEqual([])
  expect(recorded()).toEqual([])
})

it('left without its policy it does not boot', () => {
  const lawless = { ...shopDistribution(shop), omit: ['acme.policy'] }
  expect(() => createKernel(lawless)).toThrow(/GUARD_MISSING[\s\S]*MAY_ALLOW_UNKNOWN/)
})

it('the program shows a call that is done, one that is denied, and one that nobody can record', async () => {
  const said: string[] = []
  await walk((line) => said.push(line))
  expect(said).toEqual([
    '  (paying 1999 cents back for A-1001)',
    'a small refund: done',
    expect.stringMatching(/^a large refund: denied \(.*above the limit.*\) -> Ask a colleague/),
    expect.stringMatching(/^a small refund, unrecorded: denied \(.*audit log.*\) -> Add a plugin/),
  ])
})
