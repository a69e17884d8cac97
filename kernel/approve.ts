// Decides whether an ask is satisfied by an approval, and opens a request where it is not; trusts no answer unread.
import type { Action } from './action.js'
import type { Attempt } from './attempt.js'
import type { ApprovalRequest, Approvals, AskShown } from './contracts.js'
import { withDeadline } from './deadline.js'
import { ClonedError, describeThrown } from './errors.js'
import type { HookTable } from './hook-table.js'
import { onApprovalRequested } from './hooks.js'
import { deepFreeze, type Json, snapshot } from './json.js'
import type { Runnable } from './registry.js'
import type { Vote } from './verdict.js'

export interface Approver {
  readonly approvals: Approvals | undefined
  readonly hooks: HookTable
  readonly ms: number
  readonly now: () => number
  readonly instance: string
}

/** A request that waits for a person, and the channels that reported it as delivered. */
export interface Waiting {
  readonly request: ApprovalRequest
  readonly delivered: readonly string[]
}

/**
 * Takes an approval that covers every ask, or opens a request and answers it. A dry run only looks.
 * A resumed action uses its own approval even when nobody asks any more: it is used once.
 */
export async function approve(
  approver: Approver,
  attempt: Attempt,
  action: Action,
  runnable: Runnable,
  asks: readonly Vote[],
): Promise<Waiting | undefined> {
  const shown = asks.map(({ plugin, key = '', reason = '' }): AskShown => ({ plugin, key, reason }))
  const { approvals } = approver
  if (!approvals) throw new ClonedError('APPROVALS_MISSING', { reasons: reasonsOf(shown) })

  const wanted = attempt.request.resume?.approval
  const approval = await bounded(approver.ms, async () => {
    const found = await (wanted ? approvals.get(wanted) : approvals.match(action.digest, shown))
    return found && satisfies(found, action, shown, approver.now()) ? found.id : undefined
  })
  if (approval !== undefined) {
    attempt.approval = approval
    if (attempt.dryRun || (await take(approver, approvals, attempt, approval))) return undefined
    attempt.approval = undefined
  }
  if (attempt.dryRun) return undefined
  if (wanted && shown.length === 0) {
    throw new ClonedError('APPROVAL_UNUSABLE', { approval: wanted, reason: 'it was used or has expired meanwhile' })
  }
  return open(approver, approvals, action, runnable, shown)
}

/** Whether this call got the approval. An answer that was lost may still have taken it: it is settled with the rest. */
async function take(approver: Approver, approvals: Approvals, attempt: Attempt, approval: string): Promise<boolean> {
  const took = (token: Json) => attempt.takes.add({ taker: APPROVALS, from: approvals, token })
  try {
    return await bounded(approver.ms, async () => {
      const answer = await approvals.take(attempt.ref(approver.instance), approval)
      if (answer?.ok !== true) return false
      took(snapshot(answer.token))
      return true
    })
  } catch (error) {
    took(null)
    throw error
  }
}

/** The name under which an approval stands among the takes of an intent. */
export const APPROVALS = 'approvals'

async function open(
  approver: Approver,
  approvals: Approvals,
  action: Action,
  runnable: Runnable,
  shown: readonly AskShown[],
): Promise<Waiting> {
  const { kind, target, input, actor, digest } = action
  const stored = { kind, target, input, actor, digest, contract: runnable.contract, about: runnable.about }
  const { request, created } = await bounded(approver.ms, async () => {
    const opened = await approvals.open(stored, shown)
    if (opened.request.action.digest !== digest || opened.request.state !== 'pending') {
      throw new TypeError('the opened request is not for this action')
    }
    // The caller and observers get a copy, so that nobody writes in what the approvals keep.
    return { request: deepFreeze(structuredClone(opened.request)), created: opened.created }
  })
  const delivered: string[] = []
  if (created) {
    await approver.hooks.event(onApprovalRequested).tell(request, (plugin, answer) => {
      if (answer.ok && answer.value === true) delivered.push(plugin)
    })
  }
  return { request, delivered: delivered.sort() }
}

/** Read in the kernel whatever the approvals plugin matched: the exact action, approved, in time, every ask shown. */
function satisfies(request: ApprovalRequest, action: Action, asks: readonly AskShown[], now: number): boolean {
  return (
    request.state === 'approved' &&
    request.action.digest === action.digest &&
    request.expiresAt > now &&
    asks.every(({ plugin, key }) => request.asks.some((seen) => seen.plugin === plugin && seen.key === key))
  )
}

/** Does something with what approvals answer; a throw, a hang and an answer of another shape are all one failure. */
async function bounded<T>(ms: number, work: () => Promise<T>): Promise<T> {
  try {
    return await withDeadline(work(), ms)
  } catch (cause) {
    throw new ClonedError('APPROVALS_FAILED', { cause: describeThrown(cause) }, { cause })
  }
}

export function reasonsOf(asks: readonly { readonly reason?: string }[]): string {
  return asks.map(({ reason }) => reason ?? '').join('; ')
}
