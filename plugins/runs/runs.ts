// Offers runs to people and plugins: start, look, resume, pause, cancel, start again; carries none out itself.
import { type Actor, type Approvals, type AuditLog, ClonedError, digest, type JsonObject } from 'cloned/kernel'
import type { Following } from './follow.js'
import { type Change, hasEnded, type Ledger } from './ledger.js'
import { mustStillRun, newRun, type PrepareDeps, personOf, prepareRun } from './prepare.js'
import { type PreviewDeps, previewRun } from './preview.js'
import { repeated, settledByPerson, takenOver } from './repair.js'
import { approveRepeats, withdraw } from './requests.js'
import type { Run, Runs } from './slot.js'
import type { StoredRun } from './tables.js'
import { publicRun } from './view.js'

const DEFAULT_LIMIT = 100
const PAGE = 500
const AT_ONCE = 16
/** Steps that a cancelled run takes no further; what is under way says itself how it ended. */
const GIVEN_UP = { were: ['waiting', 'pending'], became: 'cancelled' } as const

export interface RunsDeps extends Omit<PrepareDeps, 'gate'>, PreviewDeps {
  readonly ledger: Ledger
  readonly gate: PrepareDeps['gate'] & PreviewDeps['gate']
  readonly audit: Pick<AuditLog, 'append'>
  readonly approvals: Pick<Approvals, 'decide' | 'get'> | undefined
  /** Follows a run to its end or wait. */
  readonly follow: (id: string, following?: Following) => Promise<StoredRun>
  /** Whether a run waits for a decision that nobody has made. */
  readonly waits: (id: string) => Promise<boolean>
  /** Sees to it that a run goes on, after this call has returned too. */
  readonly pursue: (id: string) => void
  /** A run is about to be stored by this process, with everything about it checked. */
  readonly fresh: (id: string) => void
  /** A run was changed by somebody who does not hold it. */
  readonly moved: (id: string) => void
  /** Tells the calls in hand of a run to stop. */
  readonly interrupt: (id: string) => void
}

/** Makes the runs service. */
export function createRuns(deps: RunsDeps): Runs {
  const { ledger, gate, approvals, now, follow, pursue } = deps

  async function mustLoad(id: string): Promise<StoredRun> {
    const run = await ledger.load(id)
    if (!run) throw new ClonedError('RUN_UNKNOWN', { run: id })
    return run
  }

  /** What a person did to a run is in the audit log before it takes effect. */
  async function record(type: string, run: StoredRun, { id, claimed, osUser }: Actor, more: JsonObject = {}) {
    const actor = { id, claimed, os_user: osUser }
    const ts = new Date(now()).toISOString()
    await deps.audit.append({ type, ts, run: run.id, pipeline: run.definition.id, actor, ...more })
  }

  async function begin(run: StoredRun, more: JsonObject = {}): Promise<Run> {
    const about = { pipeline_digest: run.definition.digest, inputs_digest: digest(run.inputs), ...more }
    await record('run.start', run, run.actor, about)
    deps.fresh(run.id)
    await ledger.insert(run)
    pursue(run.id)
    return publicRun(run)
  }

  async function change(run: StoredRun, action: string, how: Change): Promise<void> {
    if (!(await ledger.change(run.id, how))) throw ended(await mustLoad(run.id), action)
    deps.moved(run.id)
  }

  return {
    start: async (request) => begin(await prepareRun(request, deps)),

    async preview(request) {
      return previewRun(await prepareRun(request, deps), deps)
    },

    async get(id) {
      const run = await ledger.load(id)
      return run && publicRun(run)
    },

    async list({ limit = DEFAULT_LIMIT } = {}) {
      const runs = await Promise.all((await ledger.ids(limit)).map((id) => ledger.load(id)))
      return runs.flatMap((run) => (run ? [publicRun(run)] : []))
    },

    async resume(id, { retry = false, happened, actor } = {}) {
      if (id === undefined) return resumeAll()
      const run = await mustLoad(id)
      const again = retry || happened !== undefined
      if (again && (run.state === 'failed' || run.state === 'waiting' || run.state === 'paused')) {
        const person = personOf(gate.actor(actor))
        const asked = happened ? new Set() : await approveRepeats(run, approvals, person)
        const changed = happened ? settledByPerson(run, happened, now()) : repeated(run)
        const steps = changed.map(({ path }) => ({ step: path, was: run.nodes.get(path)?.state ?? 'pending' }))
        await record(happened ? 'run.settle' : 'run.retry', run, person, { steps })
        const nodes = changed.filter(({ path }) => !asked.has(path))
        const how = { from: [run.state], version: run.version, to: 'running', wake: true } as const
        // Somebody else was first: what they made of it goes on, and is not undone.
        if (await ledger.change(id, how, nodes)) {
          deps.moved(id)
          const paths = new Set(nodes.map(({ path }) => path))
          await withdraw(run, paths, approvals, { by: person, reason: 'its run goes on without it' })
        }
      } else if (hasEnded(run.state)) throw ended(run, 'resumed')
      else if (run.state === 'paused') {
        await record('run.resume', run, personOf(gate.actor(actor)))
        await change(run, 'resumed', { from: ['paused'], to: 'running', wake: true })
      }
      return [publicRun(await goOn(id))]
    },

    async pause(id, { actor } = {}) {
      const person = personOf(gate.actor(actor))
      const run = await mustLoad(id)
      if (hasEnded(run.state)) throw ended(run, 'paused')
      if (run.state !== 'paused') {
        await record('run.pause', run, person)
        await change(run, 'paused', { from: ['running', 'waiting', 'paused'], to: 'paused' })
      }
      return publicRun(await mustLoad(id))
    },

    async cancel(id, { actor } = {}) {
      const person = personOf(gate.actor(actor))
      const run = await mustLoad(id)
      if (hasEnded(run.state)) throw ended(run, 'cancelled')
      await record('run.cancel', run, person)
      const from = ['running', 'waiting', 'paused'] as const
      // The wake is for a run that was left in the middle of something: the log is asked what became of it.
      await change(run, 'cancelled', { from, to: 'cancelled', steps: GIVEN_UP, wake: true })
      deps.interrupt(id)
      await withdraw(run, undefined, approvals, { by: person, reason: 'its run was cancelled' })
      return publicRun(await mustLoad(id))
    },

    async rerun(id, { from, actor } = {}) {
      const person = personOf(gate.actor(actor))
      const run = await mustLoad(id)
      const { steps } = run.definition
      const first = from === undefined ? 0 : steps.findIndex((step) => step.id === from)
      if (first < 0) throw new ClonedError('RUN_STEP_UNKNOWN', { run: id, step: from ?? '' })
      await mustStillRun(run, deps.skills)
      const nodes = takenOver(run, steps.slice(0, first))
      const begun = newRun(run.definition, run.inputs, person, now(), { nodes, rerunOf: id })
      return begin(begun, { rerun_of: id, ...(from === undefined ? {} : { from }) })
    },

    async settled(id, following = {}) {
      const { onStep, wait, signal } = typeof following === 'function' ? { onStep: following } : following
      return publicRun(await follow(id, { onStep: onStep && ((run) => onStep(publicRun(run))), wait, signal }))
    },
  }

  async function goOn(id: string): Promise<StoredRun> {
    await ledger.wake(id)
    return follow(id)
  }

  /** A few at a time: thousands may wait for a person, and most of them still do. */
  async function resumeAll(): Promise<readonly Run[]> {
    const resumed: Run[] = []
    const one = async (id: string) => {
      const { state } = (await ledger.glance(id)) ?? {}
      const waits = state === 'waiting' && (await deps.waits(id))
      resumed.push(publicRun(waits ? await mustLoad(id) : await goOn(id)))
    }
    for (let page = await ledger.open(PAGE); page.length > 0; page = await ledger.open(PAGE, page.at(-1))) {
      const left = [...page]
      const lane = async () => {
        for (let id = left.shift(); id !== undefined; id = left.shift()) await one(id)
      }
      await Promise.all(Array.from({ length: AT_ONCE }, lane))
    }
    return resumed.sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))
  }
}

function ended({ id, state }: StoredRun, action: string): ClonedError {
  const help =
    state === 'failed' && action === 'resumed'
      ? `Repeat the step that failed: cloned runs resume ${id} --retry`
      : `See how it ended: cloned runs show ${id}`
  return new ClonedError('RUN_ENDED', { run: id, state, action, help })
}
