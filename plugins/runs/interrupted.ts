// Decides whether a step that a dead process left running may be repeated; never when it may have had its effect.
import type { AuditLog, CallHistory, ToolContract } from 'cloned/kernel'
import { actorOf } from './active.js'
import type { StoredRun, StoredStep } from './tables.js'

/** What the decision rests on. */
export interface Evidence {
  readonly audit: Pick<AuditLog, 'calls'>
  readonly tool: (id: string) => ToolContract | undefined
}

/**
 * `repeat` when the call was never let through, or when calling twice does no more than calling once.
 * A call is let through only after its intent is durable, so a log without one proves that nothing ran.
 */
export async function judgeInterrupted(
  run: StoredRun,
  step: StoredStep,
  { audit, tool }: Evidence,
): Promise<'repeat' | 'indeterminate'> {
  if (tool(step.tool)?.idempotent) return 'repeat'
  if (step.instance === undefined) return 'indeterminate'
  const known = new Set(run.steps.flatMap(({ calls }) => calls))
  const calls = await audit.calls([step.instance])
  return calls.some((call) => !known.has(call.callId) && mayBe(call, run, step)) ? 'indeterminate' : 'repeat'
}

/** Whether an intent may be this step's own call: everything that is not plainly another's. */
function mayBe({ intent: { record } }: CallHistory, run: StoredRun, step: StoredStep): boolean {
  const actor = record['actor'] as { readonly id?: unknown } | undefined
  if (typeof actor?.id === 'string' && actor.id !== actorOf(run.id)) return false
  if (typeof record['parent'] === 'string') return false
  return typeof record['target'] !== 'string' || record['target'] === step.tool
}
