// Offers runs to people and plugins; what a person does to one is in the audit log before it takes effect.
import { setTimeout as pause } from 'node:timers/promises'
import {
  type Actor,
  type Approvals,
  type AuditLog,
  ClonedError,
  digest,
  type Gate,
  type JsonObject,
  type ToolContract,
} from 'cloned/kernel'
import {
  type ActiveRuns,
  type FollowOptions,
  mustStillRun,
  newRun,
  personOf,
  prepareRun,
  previewRun,
  publicRun,
  type Run,
  type Runs,
  repeated,
  type StoredRun,
  settledByPerson,
  takenOver,
  withdraw,
} from 'cloned/plugins/runs'
import type { Skills } from 'cloned/plugins/skills'
import type { Hands } from './hands.js'
import { OPEN, type Rows } from './rows.js'

const POLL_MS = 200

export interface RunsParts {
  readonly rows: Rows
  readonly hands: Hands
  readonly gate: Gate
  readonly skills: Skills
  readonly audit: Pick<AuditLog, 'append'>
  readonly approvals: Pick<Approvals, 'get' | 'decide'> | undefined
  readonly active: ActiveRuns
  readonly tool: (id: string) => ToolContract | undefined
  readonly now: () => number
}

export function createRuns(parts: RunsParts): Runs {
  const { rows, hands, gate, skills, audit, approvals, now } = parts

  async function mustLoad(id: string): Promise<StoredRun> {
    const run = await rows.load(id)
    if (!run) throw new ClonedError('RUN_UNKNOWN', { run: id })
    return run
  }

  async function record(type: string, run: StoredRun, { id, claimed, osUser }: Actor, more: JsonObject = {}) {
    const ts = new Date(now()).toISOString()
    const actor = { id, claimed, os_user: osUser }
    await audit.append({ type, ts, run: run.id, pipeline: run.definition.id, actor, ...more })
  }

  async function begin(run: StoredRun): Promise<Run> {
    const { definition, inputs } = run
    await record('run.start', run, run.actor, { pipeline_digest: definition.digest, inputs_digest: digest(inputs) })
    await rows.insert(run)
    void hands.carry(run.id)
    return publicRun(run)
  }

  /** Changes a run that has not ended; the word of `action` is for people. */
  async function change(id: string, action: 'pause' | 'cancel', person: Actor): Promise<StoredRun> {
    const run = await mustLoad(id)
    const to = action === 'pause' ? 'paused' : 'cancelled'
    if (run.state === to && action === 'pause') return run
    if (!OPEN.includes(run.state)) throw ended(run, to)
    await record(`run.${action}`, run, person)
    if (!(await rows.move(id, OPEN, to))) throw ended(await mustLoad(id), to)
    return run
  }

  async function settled(id: string, { onStep, wait = false, signal }: FollowOptions = {}): Promise<Run> {
    const unwatch = onStep ? hands.watch(id, (run) => onStep(publicRun(run))) : () => {}
    try {
      for (;;) {
        await hands.carry(id)
        const run = await mustLoad(id)
        const waits = run.state === 'waiting' && !wait && (await isAsked(run))
        if (waits || signal?.aborted || (run.state !== 'running' && run.state !== 'waiting')) return publicRun(run)
        // Another process carries it, or somebody is asked.
        await pause(POLL_MS)
      }
    } finally {
      unwatch()
    }
  }

  async function isAsked({ nodes }: StoredRun): Promise<boolean> {
    for (const { state, approval } of nodes.values())
      if (state === 'waiting' && (await approvals?.get(approval ?? ''))?.state === 'pending') return true
    return false
  }

  return {
    start: async (request) => begin(await prepareRun(request, parts)),
    preview: async (request) => previewRun(await prepareRun(request, parts), parts),
    async get(id) {
      const run = await rows.load(id)
      return run && publicRun(run)
    },
    list: async ({ limit = 100 } = {}) => (await rows.list(limit)).map(publicRun),
    settled: (id, following) => settled(id, typeof following === 'function' ? { onStep: following } : following),

    async resume(id, { retry = false, happened, actor } = {}) {
      if (id === undefined) {
        const resumed: Run[] = []
        for (const one of await rows.open()) resumed.push(await settled(one))
        return resumed
      }
      const run = await mustLoad(id)
      const again = (retry || happened) && run.state === 'failed'
      if (!again && !OPEN.includes(run.state)) throw ended(run, 'resumed')
      if (run.state !== 'running') await mustStillRun(run, skills)
      if (again) {
        const person = personOf(gate.actor(actor))
        const nodes = happened ? settledByPerson(run, happened, now()) : repeated(run)
        const steps = nodes.map(({ path }) => ({ step: path, was: run.nodes.get(path)?.state ?? 'pending' }))
        await record(happened ? 'run.settle' : 'run.retry', run, person, { steps })
        const { error: _, endedAt: __, ...left } = run
        const changed = new Map([...run.nodes, ...nodes.map((node) => [node.path, node] as const)])
        // Whoever is first: what they made of it goes on, and is not undone.
        await rows.move(id, ['failed'], 'running', { ...left, nodes: changed })
      } else if (run.state === 'paused') {
        await record('run.resume', run, personOf(gate.actor(actor)))
        await rows.move(id, ['paused'], 'running')
      }
      return [await settled(id)]
    },

    async pause(id, { actor } = {}) {
      await change(id, 'pause', personOf(gate.actor(actor)))
      return publicRun(await mustLoad(id))
    },

    async cancel(id, { actor } = {}) {
      const person = personOf(gate.actor(actor))
      const run = await change(id, 'cancel', person)
      hands.interrupt(id)
      await withdraw(run, undefined, approvals, { by: person, reason: 'its run was cancelled' })
      return publicRun(await mustLoad(id))
    },

    async rerun(id, { from, actor } = {}) {
      const person = personOf(gate.actor(actor))
      const run = await mustLoad(id)
      const { steps } = run.definition
      const first = from === undefined ? 0 : steps.findIndex((step) => step.id === from)
      if (first < 0) throw new ClonedError('RUN_STEP_UNKNOWN', { run: id, step: from ?? '' })
      await mustStillRun(run, skills)
      const nodes = takenOver(run, steps.slice(0, first))
      return begin(newRun(run.definition, run.inputs, person, now(), { nodes, rerunOf: id }))
    },
  }
}

function ended({ id, state }: StoredRun, action: string): ClonedError {
  return new ClonedError('RUN_ENDED', { run: id, state, action, help: `See how it ended: cloned runs show ${id}` })
}
