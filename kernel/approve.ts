// Decides whether an ask is satisfied by an approval or a grant, and opens a request where it is not; trusts no answer unread.
import type { Action } from './action.js'
import type { Attempt } from './attempt.js'
import type { ApprovalRequest, Approvals, AskShown, Grant, StoredAction } from './contracts.js'
import { withDeadline } from './deadline.js'
import { ClonedError, describeThrown, isClonedError } from './errors.js'
import type { HookTable } from './hook-table.js'
import { onApprovalRequested } from './hooks.js'
import { deepFreeze, type Json, snapshot } from './json.js'
import { toolCall } from './kinds.js'
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

/** The name under which an approval stands among the takes of an intent. */
export const APPROVALS = 'approvals'

/**
 * Takes an approval or a grant that covers every ask, or opens a request and answers it. A dry run only looks, and an edit only
 * opens. A resumed action uses its own approval even when nobody asks any more: it is used once.
 */
export async function approve(
  approver: Approver,
  attempt: Attempt,
  action: Action,
  runnable: Runnable,
  asks: readonly Vote[],
): Promise<Waiting | undefined> {
  const shown = asks.map(shownOf)
  const { approvals } = approver
  if (!approvals) throw new ClonedError('APPROVALS_MISSING', { reasons: reasonsOf(shown) })
  const { kind, target, input, actor, digest } = action
  const stored = { kind, target, input, actor, digest, contract: runnable.contract, about: runnable.about }
  if (!attempt.request.edits && (await satisfied(approver, approvals, attempt, stored, shown))) return undefined
  return attempt.dryRun ? undefined : open(approver, approvals, attempt, stored, shown)
}

/** Whether the asks are satisfied, and then, unless in a dry run, what satisfies them is taken. */
async function satisfied(
  approver: Approver,
  approvals: Approvals,
  attempt: Attempt,
  stored: StoredAction,
  shown: readonly AskShown[],
): Promise<boolean> {
  const { ms, now } = approver
  const wanted = attempt.request.resume?.approval
  const approval = await bounded(ms, async () => {
    const found = await (wanted ? approvals.get(wanted) : approvals.match(stored.digest, shown))
    return found && satisfies(found, stored, shown, now()) ? found.id : undefined
  })
  if (approval !== undefined && (await use(approver, approvals, attempt, approval, stored, shown))) return true
  if (wanted !== undefined) {
    // A resumed action runs by its own approval or asks anew; with nothing to ask there is nothing to wait for either.
    if (attempt.dryRun || shown.length > 0) return false
    throw new ClonedError('APPROVAL_UNUSABLE', { approval: wanted, reason: 'it was used or has expired meanwhile' })
  }
  if (!approvals.grants) return false
  const { grants } = approvals
  const grant = await bounded(ms, async () => {
    const found = await grants.match(stored, shown)
    return found && grantCovers(found, stored, shown, now()) ? found.id : undefined
  })
  return grant !== undefined && (await use(approver, approvals, attempt, grant, stored, shown))
}

/** Whether this call got it. An answer that was lost may still have taken it: it is settled with the rest. */
async function use(
  { ms, instance }: Approver,
  approvals: Approvals,
  attempt: Attempt,
  id: string,
  { digest }: StoredAction,
  asks: readonly AskShown[],
): Promise<boolean> {
  attempt.approval = id
  if (attempt.dryRun) return true
  const took = (token: Json) => attempt.takes.add({ taker: APPROVALS, from: approvals, token })
  let answer: { readonly ok: boolean; readonly reason: unknown }
  try {
    answer = await bounded(ms, async () => {
      const given = await approvals.take(attempt.ref(instance), id, { digest, asks })
      if (given?.ok !== true) return { ok: false, reason: given?.reason }
      took(snapshot(given.token))
      return { ok: true, reason: undefined }
    })
  } catch (error) {
    took(null)
    throw error
  }
  if (answer.ok) return true
  attempt.approval = undefined
  if (!attempt.request.resume) return false
  // Whoever named this very approval is told why it does not count, not asked for another one.
  const reason = typeof answer.reason === 'string' ? answer.reason : 'it was refused without a reason'
  throw new ClonedError('APPROVAL_UNUSABLE', { approval: id, reason })
}

async function open(
  approver: Approver,
  approvals: Approvals,
  attempt: Attempt,
  stored: StoredAction,
  shown: readonly AskShown[],
): Promise<Waiting> {
  const { request, created } = await bounded(approver.ms, async () => {
    const opened = await approvals.open(stored, shown)
    if (opened.request.action.digest !== stored.digest || opened.request.state !== 'pending') {
      throw new TypeError('the opened request is not for this action')
    }
    // The caller and observers get a copy, so that nobody writes in what the approvals keep.
    return { request: deepFreeze(structuredClone(opened.request)), created: opened.created }
  })
  const delivered: string[] = []
  // Whoever edits decides in the same breath: there is nobody to tell.
  if (created && !attempt.request.edits) {
    await approver.hooks.event(onApprovalRequested).tell(request, (plugin, answer) => {
      if (answer.ok && answer.value === true) delivered.push(plugin)
    })
  }
  return { request, delivered: delivered.sort() }
}

/** Read in the kernel whatever the approvals plugin matched: the exact action, approved, in time, every ask shown. */
function satisfies(
  request: ApprovalRequest,
  { digest }: StoredAction,
  asks: readonly AskShown[],
  now: number,
): boolean {
  return (
    request.state === 'approved' &&
    request.action.digest === digest &&
    request.expiresAt > now &&
    wereShown(request.asks, asks)
  )
}

/** What the kernel can tell itself; the arguments are judged by whoever keeps the grant. */
function grantCovers(grant: Grant, action: StoredAction, asks: readonly AskShown[], now: number): boolean {
  const { actor, terms } = grant
  return (
    action.kind === toolCall.id &&
    grant.tool === action.target &&
    grant.contract === action.contract &&
    actor.id === action.actor.id &&
    actor.claimed === action.actor.claimed &&
    actor.osUser === action.actor.osUser &&
    grant.revokedAt === undefined &&
    terms.until > now &&
    wereShown(grant.asks, asks)
  )
}

function wereShown(shown: readonly AskShown[], asks: readonly AskShown[]): boolean {
  return asks.every(({ plugin, key }) => shown.some((seen) => seen.plugin === plugin && seen.key === key))
}

/** Does something with what approvals answer; a throw, a hang and an answer of another shape are all one failure. */
async function bounded<T>(ms: number, work: () => Promise<T>): Promise<T> {
  try {
    return await withDeadline(work(), ms)
  } catch (cause) {
    // Not a failure of the service: it refuses to keep more requests, and says what to do about it.
    if (isClonedError(cause) && cause.code === 'APPROVALS_FULL') throw cause
    throw new ClonedError('APPROVALS_FAILED', { cause: describeThrown(cause) }, { cause })
  }
}

function shownOf({ plugin, key = '', reason = '', rule }: Vote): AskShown {
  return { plugin, key, reason, ...(rule === undefined ? {} : { rule }) }
}

export function reasonsOf(asks: readonly { readonly reason?: string }[]): string {
  return asks.map(({ reason }) => reason ?? '').join('; ')
}
