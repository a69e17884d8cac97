// Durable steps of runs against a raw loop that commits the same rows in groups, and what ten thousand waiting runs cost.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { builtIns, initWorkspace } from 'cloned'
import { createKernel, defineDistribution, type Gate, type Json, type Kernel } from 'cloned/kernel'
import { runsSlot } from 'cloned/plugins/runs'
import type { Pipeline, Skills } from 'cloned/plugins/skills'
import { createStore, type Store, storeSlot } from 'cloned/plugins/store'
import { Journal } from '../../plugins/runs/journal.js'
import { Lanes } from '../../plugins/runs/lanes.js'
import { createLedger } from '../../plugins/runs/ledger.js'
import { newRun } from '../../plugins/runs/prepare.js'
import { MIGRATIONS } from '../../plugins/runs/tables.js'
import { walkRun } from '../../plugins/runs/walk.js'
import { flight, quantile, type Row, ratio } from './harness.js'
import { INPUT, noop, noopPlugin } from './parts.js'

const PIPELINE = 'bench.pack'
// Long enough that what a start costs, once per run, does not hide what a step costs.
const STEPS = 100
const WIDTH = 16
const ROUNDS = 7
const WAITING = 10_000
const LINE = 'x'.repeat(700)

export async function runsBench(): Promise<Row[]> {
  const root = mkdtempSync(join(tmpdir(), 'cloned-bench-'))
  initWorkspace(root, { type: 'personal', now: Date.now })
  writePack(root)
  try {
    return [...(await steps(root)), ...(await waiting(root))]
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

async function open(root: string): Promise<Kernel> {
  const plugins = [...builtIns, noopPlugin]
  const kernel = createKernel(
    defineDistribution({ name: 'bench', version: '1.0.0', plugins, omit: ['cloned.budgets'] }),
    { config: { 'cloned.workspace': { root }, 'cloned.runs': { maxCallsOfConnector: 64 } } },
  )
  await kernel.start()
  return kernel
}

/**
 * Each step is a governed call: intent, outcome and row, each durable after the one before. One raw loop commits the same three,
 * the other only the row.
 */
async function steps(root: string): Promise<Row[]> {
  const kernel = await open(root)
  const runs = kernel.service(runsSlot)
  const raw = createStore({ path: join(root, 'raw.db'), now: Date.now })
  await raw.open()
  await raw.migrate('bench', [
    [
      'create table raw_runs (id text not null primary key, at bigint not null)',
      'create table records (run text not null, path text not null, n bigint not null, line text not null)',
      'create table steps (run text not null, path text not null, output text, primary key (run, path))',
    ],
  ])
  const ours: number[] = []
  const engine: number[] = []
  await raw.migrate('cloned.runs', MIGRATIONS)
  const [once, thrice]: [number[], number[]] = [[], []]
  for (let round = 0; round <= ROUNDS; round++) {
    const bare = async (commits: number) =>
      rate(WIDTH * STEPS, () => flight(WIDTH, WIDTH, (i) => rawRun(raw, `${commits}-${round}-${i}`, commits)))
    const [one, three] = [await bare(1), await bare(3)]
    const governed = await rate(WIDTH * STEPS, () =>
      flight(WIDTH, WIDTH, async () => {
        const { id } = await runs.start({ pipeline: PIPELINE, inputs: {} })
        const { state, error } = await runs.settled(id)
        if (state !== 'done') throw new Error(JSON.stringify(error))
      }),
    )
    const alone = await rate(WIDTH * STEPS, () => flight(WIDTH, WIDTH, () => engineRun(raw)))
    // The first round warms both up.
    if (round > 0) {
      once.push(one)
      thrice.push(three)
      ours.push(governed)
      engine.push(alone)
    }
  }
  await raw.close()
  await kernel.stop()
  const against = (what: string, samples: readonly number[], others: readonly number[]) => {
    const [own, other] = [quantile(samples, 0.5), quantile(others, 0.5)]
    const measured = `${Math.round(own)}/s vs ${Math.round(other)}/s raw`
    return ratio(`steps of ${WIDTH} runs, ${what}`, own / other, { atLeast: 0.4 }, measured)
  }
  return [
    against('the engine alone vs one commit', engine, once),
    against('governed vs three commits', ours, thrice),
    against('governed vs one commit', ours, once),
  ]
}

async function rate(count: number, work: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await work()
  return count / ((performance.now() - start) / 1000)
}

/** The engine over a gate that answers at once. */
async function engineRun(store: Store): Promise<void> {
  const ledger = createLedger(store, Date.now, () => {})
  const run = newRun(DEFINITION, {}, { id: 'user:bench', claimed: false, osUser: 'bench' }, Date.now())
  await ledger.insert(run)
  const held = await ledger.take(run, { holder: 'bench', instance: 'bench', limits: { workspace: 99, pipeline: 99 } })
  if (!held) throw new Error('the run could not be taken')
  const hand = { signal: new AbortController().signal, leaving: () => false }
  const journal = new Journal(run, held, { ledger, hand, now: Date.now })
  const gate = { call: async () => ({ status: 'done', callId: 'c', ballot: [], output: { ok: true } }) }
  const skills = { fill: (template: Json) => template, hold: () => ({ release: () => [] }) }
  const end = await walkRun({
    journal,
    gate: gate as unknown as Gate,
    skills: skills as unknown as Skills,
    approvals: undefined,
    artifacts: undefined,
    tool: () => undefined,
    lanes: new Lanes(64),
  })
  if (end.kind !== 'done') throw new Error(JSON.stringify(end))
  await ledger.leave(held, { to: { state: 'done', output: end.output } })
}

const DEFINITION: Pipeline = {
  ...{ id: 'bench.engine', pack: 'bench.engine', packVersion: '1.0.0', title: '', description: '', inputs: {} },
  ...{ constitutions: [], requires: { connectors: {} }, allowedTools: [], parts: {}, output: null, digest: '' },
  steps: Array.from({ length: STEPS }, (_, i) => ({
    kind: 'call' as const,
    id: `s${i}`,
    tool: noop.id,
    input: { ...INPUT },
    onDenied: 'fail' as const,
    constitution: { of: 'bench' },
  })),
}

async function rawRun(store: Store, id: string, commits: number): Promise<void> {
  await store.write([{ sql: 'insert into raw_runs (id, at) values ($1, 0)', args: [id] }])
  for (let at = 0; at < STEPS; at++) {
    for (let record = 1; record < commits; record++) {
      await store.write([
        {
          sql: 'insert into records (run, path, n, line) values ($1, $2, cast($3 as bigint), $4)',
          args: [id, `s${at}`, record, LINE],
        },
      ])
    }
    await store.write([
      { sql: 'insert into steps (run, path, output) values ($1, $2, $3)', args: [id, `s${at}`, '{"ok":true}'] },
      { sql: 'update raw_runs set at = at + 1 where id = $1 and at = cast($2 as bigint)', args: [id, at], expect: 1 },
    ])
  }
}

/** Runs that wait are rows: a process that starts beside them reads none of them. */
async function waiting(root: string): Promise<Row[]> {
  const first = await open(root)
  const { id } = await first.service(runsSlot).start({ pipeline: PIPELINE, inputs: {} })
  await first.service(runsSlot).settled(id)
  const store = first.service(storeSlot)
  for (let from = 0; from < WAITING; from += 500) {
    await store.write(
      Array.from({ length: 500 }, (_, i) => [
        {
          sql: `insert into runs (id, pipeline, format, definition, inputs, actor, state, version, created_at)
                select $1, pipeline, format, definition, inputs, actor, 'waiting', 1, created_at from runs where id = $2`,
          args: [`run_wait${from + i}`, id],
        },
        {
          sql: `insert into run_nodes (run, path, state, calls, attempts, approval, started_at)
                values ($1, 's0', 'waiting', '[]', 0, $2, 0)`,
          args: [`run_wait${from + i}`, `ap_${from + i}`],
        },
      ]).flat(),
    )
  }
  await first.stop()
  const before = process.memoryUsage().rss
  const start = performance.now()
  const kernel = await open(root)
  const ms = performance.now() - start
  const mib = (process.memoryUsage().rss - before) / 1024 / 1024
  await kernel.stop()
  return [
    {
      what: `start beside ${WAITING} waiting runs`,
      measured: `${ms.toFixed(0)} ms`,
      figure: ms,
      target: '< 1000 ms',
      met: ms < 1000,
    },
    {
      what: `memory of ${WAITING} waiting runs`,
      measured: `${mib.toFixed(1)} MiB`,
      figure: mib,
      target: '< 200 MiB',
      met: mib < 200,
    },
  ]
}

function writePack(root: string): void {
  const pack = join(root, '.cloned/skills/bench.pack')
  mkdirSync(join(pack, 'pipelines'), { recursive: true })
  const about = { format: 1, id: PIPELINE, title: 'Bench', description: 'For the bench.', allowed_tools: [noop.id] }
  writeFileSync(join(pack, 'pack.yaml'), JSON.stringify({ ...about, version: '1.0.0' }))
  const list = Array.from({ length: STEPS }, (_, i) => ({ id: `s${i}`, tool: noop.id, input: { ...INPUT } }))
  writeFileSync(
    join(pack, 'pipelines/steps.yaml'),
    JSON.stringify({ ...about, inputs: { type: 'object' }, steps: list }),
  )
}
