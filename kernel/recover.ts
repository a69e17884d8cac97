// Settles what kernel instances that died left behind, from the audit log; must never touch a call of a living one.
import { APPROVALS } from './approve.js'
import type { Approvals, AuditLog, CallHistory, DeadInstance, Instances, Taker } from './contracts.js'
import { withDeadline } from './deadline.js'
import type { Limits } from './distribution.js'
import type { JsonObject } from './json.js'
import { record } from './recorder.js'
import { indeterminateRecord } from './records.js'

export interface RecoveryHost {
  readonly instances: Instances
  readonly audit: AuditLog
  readonly approvals: Approvals | undefined
  /** Every reserve by plugin id. */
  readonly reserves: ReadonlyMap<string, Taker>
  /** The instance that recovers. */
  readonly instance: string
  readonly limits: Pick<Limits, 'recordMs' | 'reserveMs' | 'startMs'>
  readonly now: () => number
}

/** What recovery did, for the log and for `doctor`. */
export interface Recovered {
  readonly instance: string
  readonly released: number
  readonly settled: number
  readonly indeterminate: number
}

/** Recovers every dead instance. One that fails, and all after it, are released for a later start; the error is thrown. */
export async function recover(host: RecoveryHost): Promise<readonly Recovered[]> {
  const { startMs } = host.limits
  const done: Recovered[] = []
  const claimed = [...(await withDeadline(host.instances.dead(), startMs))]
  try {
    for (let dead = claimed[0]; dead; dead = claimed[0]) {
      done.push(await recoverInstance(host, dead))
      await withDeadline(dead.forget(), startMs)
      claimed.shift()
    }
  } catch (error) {
    await Promise.allSettled(claimed.map(async (dead) => withDeadline(dead.release(), startMs)))
    throw error
  }
  return done
}

async function recoverInstance(host: RecoveryHost, dead: DeadInstance): Promise<Recovered> {
  const calls = new Map((await host.audit.calls([dead.id])).map((call) => [call.callId, believable(call)]))
  const takers = new Map<string, Taker>(host.reserves)
  if (host.approvals) takers.set(APPROVALS, host.approvals)
  const bounded = <T>(work: Promise<T>) => withDeadline(work, host.limits.reserveMs)
  let settled = 0
  let released = 0
  for (const [name, taker] of takers) {
    await restoreLost(taker, name, dead.id, calls, bounded)
    for (const callId of await bounded(taker.unsettled(dead.id))) {
      const call = calls.get(callId)
      // No intent: nothing can have run. An outcome says what ran; an intent alone stays taken.
      const how = call && !ranNothing(call) ? 'commit' : 'release'
      if (how === 'commit') settled++
      else released++
      if (call && !call.outcome) continue
      await bounded(taker.settle(callId, how, call?.intent.seq))
    }
  }
  const open = [...calls.values()].filter((call) => !call.outcome)
  for (const call of open) {
    await record(host.audit, indeterminateRecord(call.intent, host.instance, host.now()), host.limits.recordMs)
    for (const [name, taker] of takers) {
      if (tokenOf(call, name) !== undefined) await bounded(taker.settle(call.callId, 'commit', call.intent.seq))
    }
  }
  return { instance: dead.id, released, settled, indeterminate: open.length }
}

/** A power cut may have taken back takes whose intents are in the log: make them exist again. */
async function restoreLost(
  taker: Taker,
  name: string,
  instance: string,
  calls: ReadonlyMap<string, CallHistory>,
  bounded: <T>(work: Promise<T>) => Promise<T>,
): Promise<void> {
  const upTo = await bounded(taker.settledUpTo(instance))
  for (const call of calls.values()) {
    const token = tokenOf(call, name)
    if (token === undefined || call.intent.seq <= upTo) continue
    await bounded(taker.restore({ callId: call.callId, instance }, token))
  }
}

/** Only the outcome that names this very intent ends it. */
function believable(call: CallHistory): CallHistory {
  if (!call.outcome || call.outcome.record['intent'] === call.intent.seq) return call
  return { callId: call.callId, intent: call.intent }
}

function tokenOf(call: CallHistory, taker: string) {
  const takes = call.intent.record['takes'] as JsonObject | undefined
  return takes && Object.hasOwn(takes, taker) ? takes[taker] : undefined
}

function ranNothing({ outcome }: CallHistory): boolean {
  return outcome?.record['effect'] === 'none' || outcome?.record['status'] === 'denied'
}
