import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CallHistory, JsonObject, ToolContract } from 'cloned/kernel'
import { createStore, type Store } from 'cloned/plugins/store'
import { ledgerSuite, type MakeLedger } from 'cloned/testing'
import { describe, expect, it } from 'vitest'
import { settleInterrupted } from '../../plugins/runs/interrupted.js'
import { Journal } from '../../plugins/runs/journal.js'
import { Lanes } from '../../plugins/runs/lanes.js'
import { createLedger } from '../../plugins/runs/ledger.js'
import type { CallParts } from '../../plugins/runs/parts.js'
import { Progress } from '../../plugins/runs/progress.js'
import { Pursuits } from '../../plugins/runs/pursuits.js'
import { FORMAT, MIGRATIONS, type Node, type StoredRun } from '../../plugins/runs/tables.js'
import { MAX_BEGUN, walkRun } from '../../plugins/runs/walk.js'
import type { Pipeline } from '../../plugins/skills/index.js'

const TOOL = 'test.other.run@v1'

function storedRun(more: Partial<StoredRun> = {}, nodes: readonly Node[] = []): StoredRun {
  const definition: Pipeline = {
    id: 'test.pack',
    pack: 'test.pack',
    packVersion: '1.0.0',
    title: '',
    description: '',
    inputs: {},
    constitutions: [],
    requires: { connectors: {} },
    allowedTools: [TOOL],
    steps: [{ kind: 'call', id: 's', tool: TOOL, input: {}, onDenied: 'fail', constitution: { of: 'step s' } }],
    output: null,
    parts: {},
    digest: 'd',
  }
  return {
    id: 'run_1',
    format: FORMAT,
    definition,
    inputs: { a: 1 },
    actor: { id: 'user:ada', claimed: false, osUser: 'ada' },
    state: 'running',
    version: 1,
    epoch: 0,
    carriers: [],
    createdAt: 5,
    nodes: new Map(nodes.map((node) => [node.path, node])),
    ...more,
  }
}

const node = (more: Partial<Node> = {}): Node => ({
  path: 's',
  state: 'running',
  calls: [],
  attempts: 1,
  startedAt: 7,
  ...more,
})

describe('a run of very many items', () => {
  it('begins no more of them than a process can hold', async () => {
    const begun = Array.from({ length: MAX_BEGUN }, (_, i) => node({ path: `other[${i}]`, state: 'done' }))
    const run = storedRun({}, begun)
    const written: Node[] = []
    const ledger = {
      write: async (_: unknown, nodes: readonly Node[]) => {
        written.push(...nodes)
        return 'running' as const
      },
      glance: async () => undefined,
      sync: async () => {},
    }
    const hand = { signal: new AbortController().signal, leaving: () => false }
    const journal = new Journal(run, { id: run.id, epoch: 1 }, { ledger, hand, now: () => 9 })
    // It must not come as far as to use any other part.
    const end = await walkRun({ journal } as CallParts)
    expect(end).toMatchObject({ kind: 'failed', error: { code: 'RUN_LARGE' } })
    expect(written).toMatchObject([{ path: 's', state: 'failed' }])
  })
})

describe('a step that a hand left without a word', () => {
  const intent = (more: JsonObject = {}, outcome?: JsonObject): CallHistory => ({
    callId: 'call_1',
    intent: {
      seq: 7,
      hash: '',
      record: {
        type: 'tool.intent',
        call_id: 'call_1',
        target: TOOL,
        actor: { id: 'run:run_1', claimed: false },
        idempotency_key: 'run_1/s',
        ...more,
      },
    },
    ...(outcome ? { outcome: { seq: 8, hash: '', record: { type: 'tool.outcome', ...outcome } } } : {}),
  })

  it.each<[string, { step?: Partial<Node>; calls?: CallHistory[]; idempotent?: boolean }, Node['state']]>([
    ['is repeated when no intent of it is durable', {}, 'pending'],
    ['is not when one is', { calls: [intent()] }, 'indeterminate'],
    ['is not when one is and its row was lost', { step: { state: 'pending' }, calls: [intent()] }, 'indeterminate'],
    ['is not when it ran and its answer was lost', { calls: [intent({}, { status: 'done' })] }, 'indeterminate'],
    ['is not when nobody knows what it did', { calls: [intent({}, { effect: 'unknown' })] }, 'indeterminate'],
    ['is repeated when it did nothing', { calls: [intent({}, { effect: 'none' })] }, 'pending'],
    ['is repeated when it was denied', { calls: [intent({}, { status: 'denied' })] }, 'pending'],
    ['is repeated when calling twice does no more', { calls: [intent()], idempotent: true }, 'pending'],
    ['is repeated when the end of that call is known', { step: { calls: ['call_1'] }, calls: [intent()] }, 'pending'],
    ['is repeated when the intent is another run’s', { calls: [intent({ idempotency_key: 'run_2/s' })] }, 'pending'],
    ['is repeated when the intent is another step’s', { calls: [intent({ idempotency_key: 'run_1/t' })] }, 'pending'],
    [
      'is repeated when somebody only claims it',
      { calls: [intent({ actor: { id: 'run:run_1', claimed: true } })] },
      'pending',
    ],
    ['is repeated when the intent is of a nested call', { calls: [intent({ parent: 'call_0' })] }, 'pending'],
    [
      'is repeated when it was the run that kept an output',
      { calls: [intent({ idempotency_key: 'run_1/s!output' })] },
      'pending',
    ],
  ])('%s', async (_, { step = {}, calls = [], idempotent = false }, expected) => {
    const run = storedRun({ carriers: ['i1', 'i2'] }, [node(step)])
    const asked: (readonly string[])[] = []
    const found = await settleInterrupted(run, {
      audit: {
        calls: async (instances) => {
          asked.push(instances)
          return calls
        },
      },
      tool: () => ({ idempotent }) as ToolContract,
      now: () => 9,
    })
    const known = found.find(({ path }) => path === 's')?.state ?? step.state
    expect(known).toBe(expected)
    expect(asked).toEqual([['i1', 'i2']])
  })

  it('is what its row says when the last hand left in order', async () => {
    const audit = { calls: () => Promise.reject(new Error('not asked')) }
    expect(await settleInterrupted(storedRun({}, [node()]), { audit, tool: () => undefined, now: () => 9 })).toEqual([])
  })

  it('is not repeated when the log cannot be read', async () => {
    const audit = { calls: () => Promise.reject(new Error('unreadable')) }
    const run = storedRun({ carriers: ['i'] }, [node()])
    await expect(settleInterrupted(run, { audit, tool: () => undefined, now: () => 9 })).rejects.toThrow('unreadable')
  })
})

describe('the ledger', () => {
  const ledgerOf = (store: Store) =>
    createLedger(
      store,
      () => 9,
      () => {},
    )
  const make: MakeLedger = async ({ store }) => {
    await store.migrate('cloned.runs', MIGRATIONS)
    return ledgerOf(store)
  }
  for (const { name, run } of ledgerSuite(make)) it(name, run)

  it('keeps the steps of runs that an older version has stored', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'cloned-ledger-'))
    const old = createStore({ path: join(directory, 'old.db'), now: () => 9 })
    await old.open()
    await old.migrate('cloned.runs', MIGRATIONS.slice(0, 1))
    await old.write([
      {
        sql: `insert into runs (id, pipeline, definition, inputs, actor, state, version, created_at)
              values ('run_o', 'p', '{"id":"p","steps":[{"id":"a","tool":"t"}],"digest":"d"}', '{}', '{"id":"user:ada"}',
                'waiting', 3, 5)`,
      },
      {
        sql: `insert into run_steps (run, idx, id, tool, state, calls, output)
              values ('run_o', 0, 'a', 't', 'done', '["c"]', '{"x":1}'), ('run_o', 1, 'b', 't', 'pending', '[]', null)`,
      },
    ])
    await old.migrate('cloned.runs', MIGRATIONS)
    const nodes = new Map([
      ['a', { path: 'a', state: 'done', calls: ['c'], attempts: 1, startedAt: 0, output: { x: 1 } }],
    ])
    expect(await ledgerOf(old).load('run_o')).toMatchObject({ format: 1, state: 'waiting', nodes })
    await old.close()
    rmSync(directory, { recursive: true, force: true })
  })
})

describe('the calls to one connector', () => {
  it('wait for their turn, in order, and not for those to another', async () => {
    const lanes = new Lanes(1)
    const { signal } = new AbortController()
    const log: string[] = []
    let open = () => {}
    const opened = new Promise<void>((resolve) => {
      open = resolve
    })
    const call = (tool: string, until: Promise<void> = Promise.resolve()) =>
      lanes.within(tool, signal, 'stopped', async () => {
        log.push(`+${tool}`)
        await until
        log.push(`-${tool}`)
        return 'done'
      })
    const all = [call('a.x@v1', opened), call('a.y@v1'), call('a.z@v1'), call('b.x@v1')]
    await all[3]
    expect(log).toEqual(['+a.x@v1', '+b.x@v1', '-b.x@v1'])
    open()
    expect(await Promise.all(all)).toEqual(['done', 'done', 'done', 'done'])
    expect(log.slice(3)).toEqual(['-a.x@v1', '+a.y@v1', '-a.y@v1', '+a.z@v1', '-a.z@v1'])
  })

  it('are not begun once they were told to stop', async () => {
    const lanes = new Lanes(1)
    const stop = new AbortController()
    let begun = 0
    const first = lanes.within('a.x@v1', stop.signal, 'stopped', async () => {
      stop.abort()
      return 'done'
    })
    const work = async () => {
      begun++
      return 'done'
    }
    expect(await Promise.all([first, lanes.within('a.y@v1', stop.signal, 'stopped', work)])).toEqual([
      'done',
      'stopped',
    ])
    expect(begun).toBe(0)
    expect(await lanes.within('a.y@v1', new AbortController().signal, 'stopped', work)).toBe('done')
  })
})

describe('listening to a run', () => {
  it('hears a change that came between two looks', async () => {
    const progress = new Progress()
    const watch = progress.watch('a')
    progress.moved('a')
    expect(await watch.next(undefined)).toBe(true)
    progress.moved('b')
    expect(await watch.next(1)).toBe(false)
    const next = watch.next(undefined)
    progress.moved('a')
    expect(await next).toBe(true)
    watch.close()
    progress.moved('a')
  })

  it('hears of every change only where it asks for them', async () => {
    const progress = new Progress()
    const watch = progress.watch('a')
    progress.changed('a')
    expect(await watch.next(1)).toBe(false)
    progress.changed('a')
    expect(await watch.next(undefined, 1)).toBe(true)
    const next = watch.next(undefined, 1)
    progress.changed('a')
    expect(await next).toBe(true)
    watch.close()
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
