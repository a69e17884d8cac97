// The rules that every ledger of runs keeps, as cases for any test runner; must never rely on where one keeps its runs.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createStore } from 'cloned/plugins/store'
import { type ContractCase, codeOf, contractCase } from 'cloned/testing'
import type { Pipeline } from '../skills/slot.js'
import type { Store } from '../store/slot.js'
import type { Held, Ledger } from './ledger.js'
import { FORMAT, type Node, type StoredRun } from './tables.js'

/** Makes a ledger that holds nothing: on a store of its own, or in an empty directory. */
export type MakeLedger = (at: { readonly store: Store; readonly directory: string }) => Promise<Ledger>

/** The contract of the ledgers that `createRunner` works with. */
export function ledgerSuite(make: MakeLedger): readonly ContractCase[] {
  const rule = (name: string, check: (ledger: Ledger) => Promise<void>) =>
    contractCase(
      name,
      () => open(make),
      (subject) => check(subject.ledger),
    )
  return [
    rule('what was put in is given back, and a write clears what it does not name', async (ledger) => {
      const error = { code: 'X', message: 'm', help: 'h', effect: 'unknown' } as const
      const kept = { calls: ['c'], due: 8, approval: 'ap_1', output: { x: [1] }, artifact: 'art_1', error, endedAt: 8 }
      const run = stored({ rerunOf: 'run_0' }, [step({ ...kept, state: 'failed' }), step({ path: 'each[3]/s' })])
      await ledger.insert(run)
      assert.deepEqual(pick(await ledger.load(run.id), run), run)
      await ledger.write(await taken(ledger, run), [step()])
      assert.deepEqual((await ledger.load(run.id))?.nodes.get('s'), step())
    }),
    rule('a hand that has lost its run is refused, and nothing of what it writes is kept', async (ledger) => {
      const run = stored()
      await ledger.insert(run)
      const first = await taken(ledger, run)
      const seen = (await ledger.load(run.id)) ?? run
      assert.deepEqual([seen.carriers, seen.epoch], [['i'], 1])
      const second = await taken(ledger, seen, 'j')
      assert.deepEqual((await ledger.load(run.id))?.carriers, ['i', 'j'])
      assert.equal(await ledger.take(seen, taking('i')), undefined)
      const late = [() => ledger.write(first, [step({ state: 'done' })]), () => ledger.leave(first, DONE)]
      for (const work of late) assert.equal(await codeOf(work), 'STORE_CONFLICT')
      const { state, nodes } = (await ledger.load(run.id)) ?? run
      assert.deepEqual([state, nodes.size], ['running', 0])
      assert.equal(await ledger.write(second, [step()]), 'running')
    }),
    rule('two that take a run as it was read do not both get it', async (ledger) => {
      const run = stored()
      await ledger.insert(run)
      const both = await Promise.all([ledger.take(run, taking('i')), ledger.take(run, taking('j'))])
      assert.equal(both.filter((held) => held !== undefined).length, 1)
    }),
    rule('steps that are written at once are all kept', async (ledger) => {
      const run = stored()
      await ledger.insert(run)
      const held = await taken(ledger, run)
      const paths = Array.from({ length: 12 }, (_, i) => `each[${i}]`)
      await Promise.all(paths.map((path) => ledger.write(held, [step({ path })])))
      assert.deepEqual([...((await ledger.load(run.id))?.nodes.keys() ?? [])].sort(), paths.sort())
    }),
    ...ENDS.map(([outside, inside, state]) =>
      rule(`a run that was ${outside} and then comes to be ${inside} is ${state}`, async (ledger) => {
        const run = stored()
        await ledger.insert(run)
        const held = await taken(ledger, run)
        const change = { from: ['running'], to: outside } as const
        assert.deepEqual([await ledger.change(run.id, change), await ledger.change(run.id, change)], [true, false])
        assert.equal(await ledger.write(held, [step()]), outside)
        await ledger.leave(held, { to: { state: inside } })
        const left = await ledger.load(run.id)
        assert.deepEqual([left?.state, left?.carriers], [state, []])
      }),
    ),
    rule('a change of a run that has moved since it was read changes nothing', async (ledger) => {
      const run = stored({}, [step({ state: 'waiting', approval: 'ap_1' })])
      await ledger.insert(run)
      await ledger.leave(await taken(ledger, run), { to: { state: 'waiting' } })
      const stale = { from: ['waiting'], version: run.version, to: 'cancelled' } as const
      assert.equal(await ledger.change(run.id, stale), false)
      const { version, state, nodes } = (await ledger.load(run.id)) ?? run
      assert.deepEqual([state, nodes.get('s')?.state], ['waiting', 'waiting'])
      assert.deepEqual(await ledger.awaited(run.id), ['ap_1'])
      const steps = { were: ['waiting'], became: 'cancelled' } as const
      assert.equal(await ledger.change(run.id, { ...stale, version, steps }), true)
      const ended = (await ledger.load(run.id)) ?? run
      assert.deepEqual([ended.state, ended.nodes.get('s')?.state], ['cancelled', 'cancelled'])
      assert.equal(typeof ended.endedAt, 'number')
    }),
    rule(
      'no more runs come into hands than the limits say; what the dead hold counts until it is freed',
      async (ledger) => {
        const runs = ['run_1', 'run_2', 'run_3'].map((id) => stored({ id }))
        for (const run of runs) await ledger.insert(run)
        const take = async (nth: number, workspace: number, pipeline: number) =>
          (await ledger.take(runs[nth] ?? stored(), { ...taking('i'), limits: { workspace, pipeline } })) !== undefined
        assert.equal(await take(0, 2, 2), true)
        assert.deepEqual([await take(1, 1, 2), await take(1, 2, 1), await take(1, 2, 2)], [false, false, true])
        assert.equal(await take(2, 2, 2), false)
        assert.deepEqual([...new Set(await ledger.holders())], ['h'])
        await ledger.free('h')
        assert.deepEqual(await ledger.holders(), [])
        assert.equal(await take(2, 1, 1), true)
      },
    ),
    rule('whoever holds a run hears that somebody has cancelled it', async (ledger) => {
      const run = stored()
      await ledger.insert(run)
      await taken(ledger, run)
      assert.deepEqual(await ledger.cancelled('h'), [])
      await ledger.change(run.id, { from: ['running'], to: 'cancelled' })
      assert.deepEqual([await ledger.cancelled('h'), await ledger.cancelled('another')], [[run.id], []])
    }),
    rule('open runs are listed page by page, all runs the newest first', async (ledger) => {
      const states = ['running', 'waiting', 'paused', 'done', 'failed', 'cancelled', 'waiting'] as const
      for (const [i, state] of states.entries()) await ledger.insert(stored({ id: `run_${i}`, state, createdAt: i }))
      assert.deepEqual(await ledger.open(2), ['run_0', 'run_1'])
      assert.deepEqual(await ledger.open(2, 'run_1'), ['run_6'])
      assert.deepEqual(await ledger.ids(3), ['run_6', 'run_5', 'run_4'])
      assert.equal(await ledger.load('run_9'), undefined)
    }),
  ]
}

const DONE = { to: { state: 'done' } } as const
const ENDS = [
  ['cancelled', 'done', 'cancelled'],
  ['cancelled', 'waiting', 'cancelled'],
  ['paused', 'waiting', 'paused'],
  ['paused', 'done', 'done'],
] as const

async function open(make: MakeLedger) {
  const directory = mkdtempSync(join(tmpdir(), 'cloned-ledger-'))
  const store = createStore({ path: join(directory, 'state.db'), now: Date.now })
  const close = async () => {
    await store.close()
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    await store.open()
    return { ledger: await make({ store, directory }), close }
  } catch (error) {
    await close()
    throw error
  }
}

function taking(instance: string) {
  return { holder: 'h', instance, limits: { workspace: 9, pipeline: 9 } }
}

async function taken(ledger: Ledger, run: StoredRun, instance = 'i'): Promise<Held> {
  const held = await ledger.take(run, taking(instance))
  assert.ok(held, 'the run was not to be had')
  return held
}

/** What is compared: a ledger may keep more of a run than it was given. */
function pick(found: StoredRun | undefined, wanted: StoredRun): Partial<StoredRun> {
  return Object.fromEntries(Object.entries(found ?? {}).filter(([key]) => Object.hasOwn(wanted, key)))
}

function step(more: Partial<Node> = {}): Node {
  return { path: 's', state: 'running', calls: [], attempts: 1, startedAt: 7, ...more }
}

function stored(more: Partial<StoredRun> = {}, nodes: readonly Node[] = []): StoredRun {
  const definition: Pipeline = {
    ...{ id: 'bench.pack', pack: 'bench.pack', packVersion: '1.0.0', title: '', description: '', digest: 'd' },
    ...{ inputs: {}, constitutions: [], requires: { connectors: {} }, allowedTools: [], steps: [], output: null },
    parts: {},
  }
  return {
    ...{ id: 'run_1', format: FORMAT, definition, inputs: { a: 1 }, state: 'running', version: 1, epoch: 0 },
    ...{ carriers: [], createdAt: 5, actor: { id: 'user:ada', claimed: false, osUser: 'ada' } },
    nodes: new Map(nodes.map((node) => [node.path, node])),
    ...more,
  }
}
