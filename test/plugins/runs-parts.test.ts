import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CallHistory, JsonObject, ToolContract } from 'cloned/kernel'
import { createStore, type EmbeddedStore } from 'cloned/plugins/store'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { judgeInterrupted } from '../../plugins/runs/interrupted.js'
import { createLedger } from '../../plugins/runs/ledger.js'
import { Progress } from '../../plugins/runs/progress.js'
import { Pursuits } from '../../plugins/runs/pursuits.js'
import { MIGRATIONS, type StoredRun, type StoredStep } from '../../plugins/runs/tables.js'
import type { Pipeline } from '../../plugins/skills/index.js'

const TOOL = 'test.other.run@v1'

function storedRun(step: Partial<StoredStep> = {}): StoredRun {
  const definition: Pipeline = {
    id: 'test.pack',
    pack: 'test.pack',
    packVersion: '1.0.0',
    title: '',
    description: '',
    inputs: {},
    allowedTools: [TOOL],
    steps: [{ id: 's', tool: TOOL, input: {} }],
    output: null,
    digest: 'd',
  }
  return {
    id: 'run_1',
    pipeline: definition.id,
    pipelineDigest: definition.digest,
    definition,
    inputs: { a: 1 },
    actor: { id: 'user:ada', claimed: false, osUser: 'ada' },
    state: 'running',
    version: 1,
    createdAt: 5,
    steps: [{ id: 's', tool: TOOL, state: 'running', calls: [], ...step }],
  }
}

describe('a step that a dead process left running', () => {
  const intent = (more: JsonObject = {}): CallHistory => ({
    callId: 'call_1',
    intent: {
      seq: 7,
      hash: '',
      record: { type: 'tool.intent', call_id: 'call_1', target: TOOL, actor: { id: 'run:run_1' }, ...more },
    },
  })

  it.each<[string, { step?: Partial<StoredStep>; calls?: CallHistory[]; idempotent?: boolean }, string]>([
    ['is repeated when no intent of it is durable', {}, 'repeat'],
    ['is not when one is', { calls: [intent()] }, 'indeterminate'],
    ['is repeated when calling twice does no more', { calls: [intent()], idempotent: true }, 'repeat'],
    ['is not when its instance is not known', { step: {} }, 'indeterminate'],
    [
      'is repeated when the intent is of a call whose end is known',
      { step: { instance: 'i', calls: ['call_1'] }, calls: [intent()] },
      'repeat',
    ],
    ['is repeated when the intent is another actor’s', { calls: [intent({ actor: { id: 'run:run_2' } })] }, 'repeat'],
    ['is repeated when the intent is another tool’s', { calls: [intent({ target: 'test.again.run@v1' })] }, 'repeat'],
    ['is repeated when the intent is of a nested call', { calls: [intent({ parent: 'call_0' })] }, 'repeat'],
    [
      'is not when the log does not say whose intent it is',
      { calls: [intent({ actor: null, target: null })] },
      'indeterminate',
    ],
  ])('%s', async (_, { step = { instance: 'i' }, calls = [], idempotent = false }, expected) => {
    const run = storedRun(step)
    const asked: (readonly string[])[] = []
    const evidence = {
      audit: {
        calls: async (instances: readonly string[]) => {
          asked.push(instances)
          return calls
        },
      },
      tool: () => ({ idempotent }) as ToolContract,
    }
    expect(await judgeInterrupted(run, run.steps[0] as StoredStep, evidence)).toBe(expected)
    for (const instances of asked) expect(instances).toEqual(['i'])
  })

  it('is not repeated when the log cannot be read', async () => {
    const run = storedRun({ instance: 'i' })
    const evidence = { audit: { calls: () => Promise.reject(new Error('unreadable')) }, tool: () => undefined }
    await expect(judgeInterrupted(run, run.steps[0] as StoredStep, evidence)).rejects.toThrow('unreadable')
  })
})

describe('the ledger', () => {
  let directory: string
  let store: EmbeddedStore
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'cloned-ledger-'))
    store = createStore({ path: join(directory, 'state.db'), now: () => 9 })
    await store.open()
    await store.migrate('cloned.runs', MIGRATIONS)
  })
  afterEach(async () => {
    await store.close()
    rmSync(directory, { recursive: true, force: true })
  })

  it('gives back what was put in, and clears what a move does not name', async () => {
    const changed: string[] = []
    const ledger = createLedger(
      store,
      () => 9,
      (id) => changed.push(id),
    )
    const run = storedRun()
    await ledger.insert(run)
    const fresh = { ...run, steps: [{ id: 's', tool: TOOL, state: 'pending', calls: [] }] }
    expect(await ledger.load(run.id)).toEqual(fresh)
    const error = { code: 'X', message: 'm', help: 'h' }
    await ledger.move(run, { state: 'failed', error, step: { index: 0, state: 'failed', calls: ['c'], error } })
    expect(await ledger.load(run.id)).toEqual({
      ...fresh,
      version: 2,
      state: 'failed',
      error,
      endedAt: 9,
      steps: [{ id: 's', tool: TOOL, state: 'failed', calls: ['c'], callId: 'c', error }],
    })
    await ledger.move({ ...run, version: 2 }, { state: 'running', step: { index: 0, state: 'pending', calls: ['c'] } })
    expect(await ledger.load(run.id)).toEqual({
      ...fresh,
      version: 3,
      steps: [{ id: 's', tool: TOOL, state: 'pending', calls: ['c'], callId: 'c' }],
    })
    expect(changed).toEqual([run.id, run.id, run.id])
  })

  it('undoes a move from an outdated view, the step with it', async () => {
    const ledger = createLedger(
      store,
      () => 9,
      () => {},
    )
    const run = storedRun()
    await ledger.insert(run)
    await ledger.move(run, { state: 'cancelled' })
    const late = ledger.move(run, { state: 'running', step: { index: 0, state: 'done', calls: ['c'], output: 1 } })
    await expect(late).rejects.toMatchObject({ code: 'STORE_CONFLICT' })
    expect(await ledger.load(run.id)).toMatchObject({ state: 'cancelled', steps: [{ state: 'pending' }] })
  })

  it('knows which runs are open', async () => {
    const ledger = createLedger(
      store,
      () => 9,
      () => {},
    )
    for (const [i, state] of (['running', 'waiting', 'done', 'failed', 'cancelled'] as const).entries()) {
      await ledger.insert({ ...storedRun(), id: `run_${i}`, state, createdAt: i })
    }
    expect(await ledger.open()).toEqual(['run_0', 'run_1'])
    expect(await ledger.ids(3)).toEqual(['run_4', 'run_3', 'run_2'])
  })
})

describe('listening to a run', () => {
  it('hears a change that came between two looks', async () => {
    const progress = new Progress()
    const watch = progress.watch('a')
    progress.changed('a')
    expect(await watch.next(undefined)).toBe(true)
    progress.changed('b')
    expect(await watch.next(1)).toBe(false)
    const next = watch.next(undefined)
    progress.changed('a')
    expect(await next).toBe(true)
    watch.close()
    progress.changed('a')
  })
})

describe('pursuing runs', () => {
  it('waits for them, names what is left over when patience ends, and reports what failed before', async () => {
    const failures: string[] = []
    const never = new Promise<void>(() => {})
    const pursuits = new Pursuits(
      (id) => (id === 'slow' ? never : id === 'bad' ? Promise.reject(new Error('x')) : Promise.resolve()),
      (id) => failures.push(id),
    )
    for (const id of ['good', 'bad']) pursuits.add(id)
    expect(await pursuits.settled()).toEqual([])
    expect(failures).toEqual(['bad'])
    pursuits.add('slow')
    expect(await pursuits.settled(0)).toEqual(['slow'])
  })
})
