import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { initWorkspace, type OpenOptions, open } from 'cloned'
import { approvalsSlot, auditSlot, type JsonObject, type Kernel } from 'cloned/kernel'
import { storeSlot } from 'cloned/plugins/store'
import { storeAdopt } from 'cloned/plugins/store-guard'
import { describe, expect, it, onTestFinished } from 'vitest'
import { adoptInput, type StoreAdopt } from '../../plugins/store-guard/adopt.js'
import { examine, MARK } from '../../plugins/store-guard/binding.js'
import { createIdentity } from '../../plugins/store-guard/identity.js'
import { MARK_MS } from '../../plugins/store-guard/marks.js'
import { clock, temporary } from './store-fixture.js'

function workspace(): string {
  const root = temporary()
  initWorkspace(root, { type: 'personal', now: Date.now })
  return root
}

async function opened(root: string, options: Partial<OpenOptions> = {}): Promise<Kernel> {
  const kernel = await open({ root, osUser: 'tester', config: { 'cloned.audit': { thread: 'inline' } }, ...options })
  onTestFinished(() => kernel.stop())
  return kernel
}

const call = (kernel: Kernel) => kernel.call({ tool: 'cloned.internal.fs.list@v1', input: { path: '.' } })

/** One process that makes one call and ends. */
async function visit(root: string): Promise<string> {
  const kernel = await opened(root)
  const { status } = await call(kernel)
  await kernel.stop()
  return status
}

const files = (root: string) => readdirSync(join(root, '.cloned')).filter((name) => name.startsWith('state.db'))
const remove = (root: string) => {
  for (const name of files(root)) rmSync(join(root, '.cloned', name))
}
function copy(from: string, to: string): void {
  remove(to)
  for (const name of files(from)) cpSync(join(from, '.cloned', name), join(to, '.cloned', name))
}

function records(root: string, type: string): JsonObject[] {
  const log = join(root, '.cloned', 'audit.log')
  if (!existsSync(log)) return []
  const lines = readFileSync(log, 'utf8').split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line) as JsonObject).filter((record) => record['type'] === type)
}

const sides = async (kernel: Kernel) => examine(createIdentity(kernel.service(storeSlot)), kernel.service(auditSlot))
const adopt = (kernel: Kernel, input: StoreAdopt) => kernel.act(storeAdopt, { target: 'store', input }, {})

/** A workspace with a history, and a kernel on what became of its store. */
async function damaged(
  damage: (root: string, old: string) => void | Promise<void>,
): Promise<{ root: string; kernel: Kernel }> {
  const root = workspace()
  const old = workspace()
  expect(await visit(root)).toBe('done')
  copy(root, old)
  expect(await visit(root)).toBe('done')
  await damage(root, old)
  return { root, kernel: await opened(root) }
}

const edit = (sql: string) => async (root: string) => {
  const kernel = await opened(root)
  await kernel.service(storeSlot).write([{ sql, expect: 1 }])
  await kernel.stop()
}

const losses: readonly (readonly [string, (root: string, old: string) => void | Promise<void>, RegExp])[] = [
  ['is gone', remove, /it is new/],
  [
    'belongs to another workspace',
    async (root) => {
      const other = workspace()
      await visit(other)
      copy(other, root)
    },
    /it is another one/,
  ],
  [
    'is an older copy of itself',
    (root, old) => copy(old, root),
    /it is an old copy, with mark 1 where the audit log has 2/,
  ],
  ['has lost its identity', edit('delete from store_identity'), /it is new/],
  ['was made to look like another', edit("update store_identity set id = 'x'"), /it is another one/],
]

describe.each(losses)('a store that %s', (_, damage, problem) => {
  it('keeps every call from running, and a dry run says so', async () => {
    const { root, kernel } = await damaged(damage)
    const intents = records(root, 'tool.intent').length
    const denied = {
      code: 'STORE_UNUSABLE',
      reason: expect.stringMatching(problem),
      help: expect.stringContaining('cloned store adopt'),
    }
    expect(await kernel.explain({ tool: 'cloned.internal.fs.list@v1', input: { path: '.' } })).toMatchObject({
      verdict: 'deny',
      ...denied,
    })
    expect(await call(kernel)).toMatchObject({ status: 'denied', ...denied })
    expect(await call(kernel)).toMatchObject({ status: 'denied', ...denied })
    expect(records(root, 'tool.intent')).toHaveLength(intents)
    expect(records(root, MARK)).toHaveLength(2)
  })

  it('is used once a person has adopted it, and that is recorded', async () => {
    const { root, kernel } = await damaged(damage)
    const finding = await sides(kernel)
    const asked = await adopt(kernel, adoptInput(finding))
    expect(asked).toMatchObject({ status: 'pending' })
    expect(await call(kernel)).toMatchObject({ status: 'denied' })
    if (asked.status !== 'pending') return
    const by = kernel.actor()
    expect(await kernel.service(approvalsSlot).decide(asked.approval.id, { verdict: 'approve', by })).toMatchObject({
      outcome: { status: 'done' },
    })
    expect(records(root, MARK).at(-1)).toMatchObject({
      adopted: true,
      mark: 1,
      previous: finding.recorded?.store,
    })
    expect(await call(kernel)).toMatchObject({ status: 'done' })
    expect(await visit(root)).toBe('done')
  })
})

describe('a store', () => {
  it('is named in the log before the first call of each process, and never by a dry run', async () => {
    const root = workspace()
    const kernel = await opened(root)
    await kernel.explain({ tool: 'cloned.internal.fs.list@v1', input: { path: '.' } })
    expect(records(root, MARK)).toEqual([])
    await Promise.all([call(kernel), call(kernel), call(kernel)])
    await kernel.stop()
    await visit(root)
    const [first, second, ...more] = records(root, MARK)
    expect([first?.['mark'], second?.['mark'], more]).toEqual([1, 2, []])
    expect(second?.['store']).toBe(first?.['store'])
    const [intent] = records(root, 'tool.intent')
    expect(Number(first?.['seq'])).toBeLessThan(Number(intent?.['seq']))
  })

  it('is marked again by a process that goes on calling', async () => {
    const root = workspace()
    const { now, advance } = clock()
    const kernel = await opened(root, { now })
    for (const ms of [0, MARK_MS - 1, 1, 0]) {
      advance(ms)
      expect(await call(kernel)).toMatchObject({ status: 'done' })
    }
    expect(records(root, MARK).map(({ mark }) => mark)).toEqual([1, 2])
  })

  it('is sound when the newest copy was put back', async () => {
    const root = workspace()
    const backup = workspace()
    await visit(root)
    copy(root, backup)
    remove(root)
    copy(backup, root)
    expect(await visit(root)).toBe('done')
  })

  it('that many processes begin at once has one identity', async () => {
    const root = workspace()
    const kernels = await Promise.all([opened(root), opened(root), opened(root)])
    const outcomes = await Promise.all(kernels.map(call))
    expect(outcomes.map(({ status }) => status)).toEqual(['done', 'done', 'done'])
    expect(new Set(records(root, MARK).map(({ store }) => store)).size).toBe(1)
  })

  it('is not adopted while it is sound, nor when something changed since the question', async () => {
    const root = workspace()
    await visit(root)
    const kernel = await opened(root)
    const decide = async (input: StoreAdopt) => {
      const asked = await adopt(kernel, input)
      if (asked.status !== 'pending') return asked
      const { outcome } = await kernel
        .service(approvalsSlot)
        .decide(asked.approval.id, { verdict: 'approve', by: kernel.actor() })
      return outcome
    }
    const sound = adoptInput(await sides(kernel))
    expect(await decide(sound)).toMatchObject({ status: 'failed', effect: 'none', reason: /names/ })
    await kernel.service(storeSlot).write([{ sql: "update store_identity set id = 'x'", expect: 1 }])
    expect(await decide(sound)).toMatchObject({ status: 'failed', effect: 'none', reason: /changed/ })
    expect(records(root, MARK)).toHaveLength(1)
  })

  it('that was replaced under a running process is noticed by it once another was adopted', async () => {
    const root = workspace()
    const { now, advance } = clock()
    const old = await opened(root, { now })
    await call(old)
    await old.service(auditSlot).append({ type: MARK, ts: new Date(0).toISOString(), store: 'x', mark: 1 })
    expect(await call(old)).toMatchObject({ status: 'done' })
    advance(MARK_MS)
    expect(await call(old)).toMatchObject({ status: 'denied', code: 'STORE_UNUSABLE' })
  })
})
