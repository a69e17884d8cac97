// Offers runs to people and plugins: start, look, resume, cancel; carries none out itself.
import {
  type Actor,
  type Approvals,
  type AuditLog,
  ClonedError,
  digest,
  type Gate,
  isClonedError,
  type JsonObject,
} from 'cloned/kernel'
import type { Skills } from '../skills/slot.js'
import type { ActiveRuns } from './active.js'
import { hasEnded, isConflict, type Ledger, type RunMove } from './ledger.js'
import { personOf, prepareRun } from './prepare.js'
import { previewRun } from './preview.js'
import type { Runs } from './slot.js'
import { publicRun, type StoredRun } from './tables.js'

const DEFAULT_LIMIT = 100
const CANCEL_TRIES = 10

export interface RunsDeps {
  readonly ledger: Ledger
  readonly gate: Gate
  readonly skills: Skills
  readonly audit: Pick<AuditLog, 'append'>
  readonly approvals: Pick<Approvals, 'decide'> | undefined
  readonly active: ActiveRuns
  readonly now: () => number
  /** Follows a run to its end or wait. */
  readonly follow: (id: string, onStep?: (run: StoredRun) => void) => Promise<StoredRun>
  /** Sees to it that a run goes on, after this call has returned too. */
  readonly pursue: (id: string) => void
  /** Tells the call in hand of a run to stop. */
  readonly interrupt: (id: string) => void
}

/** Makes the runs service. */
export function createRuns(deps: RunsDeps): Runs {
  const { ledger, gate, now, follow, pursue } = deps

  async function mustLoad(id: string): Promise<StoredRun> {
    const run = await ledger.load(id)
    if (!run) throw new ClonedError('RUN_UNKNOWN', { run: id })
    return run
  }

  /** What a person did to a run is in the audit log before it takes effect. */
  async function record(
    type: string,
    run: StoredRun,
    { id, claimed, osUser }: Actor,
    more: JsonObject = {},
  ): Promise<void> {
    const actor = { id, claimed, os_user: osUser }
    await deps.audit.append({
      type,
      ts: new Date(now()).toISOString(),
      run: run.id,
      pipeline: run.pipeline,
      actor,
      ...more,
    })
  }

  async function retry(run: StoredRun, actor: Actor): Promise<void> {
    const index = run.steps.findIndex(({ state }) => state !== 'done')
    const step = run.steps[index]
    await record('run.retry', run, actor, step ? { step: step.id, was: step.state } : {})
    const move: RunMove = { state: 'running', ...(step && { step: { index, state: 'pending', calls: step.calls } }) }
    await ledger.move(run, move, { wake: true })
  }

  return {
    async start(request) {
      const run = await prepareRun(request, deps)
      await record('run.start', run, run.actor, {
        pipeline_digest: run.pipelineDigest,
        inputs_digest: digest(run.inputs),
      })
      await ledger.insert(run)
      pursue(run.id)
      return publicRun(run)
    },

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

    async resume(id, { retry: again = false, actor } = {}) {
      if (id === undefined) {
        const open = await ledger.open()
        return Promise.all(open.map(async (one) => publicRun(await goOn(one))))
      }
      const run = await mustLoad(id)
      if (run.state === 'failed' && again) await retry(run, personOf(gate.actor(actor)))
      else if (hasEnded(run.state)) throw ended(run, 'resumed')
      return [publicRun(await goOn(id))]
    },

    async cancel(id, { actor } = {}) {
      const person = personOf(gate.actor(actor))
      await cancel(id, person)
      deps.interrupt(id)
      const run = publicRun(await mustLoad(id))
      for (const { approval } of run.steps) if (approval !== undefined) await withdraw(approval, person)
      return run
    },

    async settled(id, onStep) {
      return publicRun(await follow(id, onStep && ((run) => onStep(publicRun(run)))))
    },
  }

  async function goOn(id: string): Promise<StoredRun> {
    await ledger.wake(id)
    return follow(id)
  }

  async function cancel(id: string, actor: Actor, tries = CANCEL_TRIES): Promise<void> {
    const run = await mustLoad(id)
    if (hasEnded(run.state)) throw ended(run, 'cancelled')
    if (tries === CANCEL_TRIES) await record('run.cancel', run, actor)
    try {
      await ledger.move(run, { state: 'cancelled' })
    } catch (error) {
      // The run moved on between the look and the change; it is looked at again.
      if (!isConflict(error) || tries === 0) throw error
      await cancel(id, actor, tries - 1)
    }
  }

  /** Nobody should be asked any more for what will not run. */
  async function withdraw(approval: string, by: Actor): Promise<void> {
    try {
      await deps.approvals?.decide(approval, { verdict: 'deny', by, reason: 'its run was cancelled' })
    } catch (error) {
      // Decided or expired already; or the policy wants somebody else's decision, and the request expires by itself.
      if (!isClonedError(error) || error.code !== 'APPROVAL_UNUSABLE') throw error
    }
  }
}

function ended({ id, state }: StoredRun, action: string): ClonedError {
  const help =
    state === 'failed' && action === 'resumed'
      ? `Repeat the step that failed: cloned runs resume ${id} --retry`
      : `See how it ended: cloned runs show ${id}`
  return new ClonedError('RUN_ENDED', { run: id, state, action, help })
}
