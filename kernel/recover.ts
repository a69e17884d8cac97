// Settles what kernel instances that died left behind, from the audit log; must never touch a call of a living one.
import { APPROVALS } from './approve.js'
import type { Approvals, AuditLog, CallHistory, DeadInstance, Instances, Taker } from './contracts.js'
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
  readonly recordMs: number
  readonly now: () => number
}

/** What recovery did, for the log and for `doctor`. */
export interface Recovered {
  readonly instance: string
  readonly released: number
  readonly settled: number
  readonly indeterminate: number
}

/** Recovers every dead instance; one that fails is released, so that a later start tries again, and the error is thrown. */
export async function recover(host: RecoveryHost): Promise<readonly Recovered[]> {
  const done: Recovered[] = []
  for (const dead of await host.instances.dead()) {
    try {
      done.push(await recoverInstance(host, dead))
      await dead.forget()
    } catch (error) {
      await dead.release()
      throw error
    }
  }
  return done
}

async function recoverInstance(host: RecoveryHost, dead: DeadInstance): Promise<Recovered> {
  const calls = new Map((await host.audit.calls([dead.id])).map((call) => [call.callId, call]))
  const takers = new Map<string, Taker>(host.reserves)
  if (host.approvals) takers.set(APPROVALS, host.approvals)
  let settled = 0
  let released = 0
  for (const [name, taker] of takers) {
    await restoreLost(taker, name, dead.id, calls)
    for (const callId of await taker.unsettled(dead.id)) {
      const call = calls.get(callId)
      // No intent: nothing can have run. An outcome says what ran; an intent alone stays taken.
      const how = call && !ranNothing(call) ? 'commit' : 'release'
      if (how === 'commit') settled++
      else released++
      if (call && !call.outcome) continue
      await taker.settle(callId, how, call?.intent.seq)
    }
  }
  const open = [...calls.values()].filter((call) => !call.outcome)
  for (const call of open) {
    await record(host.audit, indeterminateRecord(call.intent.record, host.instance, host.now()), host.recordMs)
    for (const [name, taker] of takers) {
      if (tokenOf(call, name) !== undefined) await taker.settle(call.callId, 'commit', call.intent.seq)
    }
  }
  return { instance: dead.id, released, settled, indeterminate: open.length }
}

/** A power cut may have taken back takes whose intents are in the log: make them exist again. */
async function restoreLost(taker: Taker, name: string, instance: string, calls: ReadonlyMap<string, CallHistory>): Promise<void> {
  const upTo = await taker.settledUpTo(instance)
  for (const call of calls.values()) {
    const token = tokenOf(call, name)
    if (token === undefined || call.intent.seq <= upTo) continue
    await taker.restore({ callId: call.callId, instance }, token)
  }
}

function tokenOf(call: CallHistory, taker: string) {
  const takes = call.intent.record['takes'] as JsonObject | undefined
  return takes && Object.hasOwn(takes, taker) ? takes[taker] : undefined
}

function ranNothing({ outcome }: CallHistory): boolean {
  return outcome?.record['effect'] === 'none' || outcome?.record['status'] === 'denied'
}
