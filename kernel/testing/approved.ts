// Takes an action past the person who has to approve it, for the cases of suites; must never answer for anybody else's action.
import assert from 'node:assert/strict'
import type { ActionKind } from '../action.js'
import { approvalsSlot } from '../contracts.js'
import type { Json } from '../json.js'
import type { Kernel } from '../kernel-contract.js'
import type { Outcome } from '../outcome.js'

/** Approves an action that waits for it, as its requester; answers how it ended, anything else as it is. */
export async function approved<Out>(kernel: Kernel, outcome: Outcome<Out>): Promise<Outcome<Out>> {
  if (outcome.status !== 'pending') return outcome
  const { id, action } = outcome.approval
  const decided = await kernel.service(approvalsSlot).decide(id, { verdict: 'approve', by: action.actor })
  return (decided.outcome ?? outcome) as Outcome<Out>
}

/** Starts an action, approved where it is asked for; fails unless it was done. */
export async function mustAct<I extends Json, Out>(
  kernel: Kernel,
  kind: ActionKind<I, Out>,
  target: string,
  input: I,
): Promise<void> {
  const outcome = await approved(kernel, await kernel.act(kind, { target, input }))
  assert.equal(outcome.status, 'done', JSON.stringify(outcome))
}

/** The code that work is refused with; `ok` when it is not, the text of an error without a code. */
export async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work()
    return 'ok'
  } catch (error) {
    const { code } = error as { code?: unknown }
    return typeof code === 'string' ? code : String(error)
  }
}
