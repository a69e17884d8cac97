// What the cases of the approvals contract share: the fixture, the people and the actions; holds no rule.
import assert from 'node:assert/strict'
import type { ApprovalRequest, Approvals, AskShown, AuditLog, StoredAction, TakeAnswer, TakeRef } from '../contracts.js'
import { sha256 } from '../json.js'
import type { ContractCase } from './case.js'

/**
 * Approvals under test, empty. Actions of kind `test.action` must be the caller's to repeat, and every decision of
 * {@link TEST_DECIDER} must count.
 */
export interface ApprovalsFixture {
  readonly approvals: Approvals
  /** Where decisions are recorded. Leave out for approvals that are no part of a workspace. */
  readonly audit?: AuditLog
  /** What observers of `onApprovalDecided` have heard, oldest first. Leave out for approvals that nobody observes. */
  readonly heard?: readonly ApprovalRequest[]
  /** How long a request may be decided and used, milliseconds. */
  readonly expiresMs: number
  /** The same approvals as another process has them. Leave out for approvals that no other process can have. */
  beside?(): Promise<Approvals>
  /** Puts a policy in force that says who may decide. Leave out for approvals that ask no policy. */
  govern?(rules: DeciderRules): Promise<void>
  /** Moves the clock that the approvals read. */
  advance(ms: number): void
  close(): Promise<void>
}

/** What a policy may say of decisions on actions of kind `test.action`; whatever is left out is as before. */
export interface DeciderRules {
  /** Whoever asked may not decide. */
  readonly selfDecision?: false
  /** Operating-system users; nobody else may decide. */
  readonly approvers?: readonly string[]
  /** How many must agree. */
  readonly quorum?: number
  /** How many requests of one actor may wait. */
  readonly maxPending?: number
}

/** Who requests in the cases. */
export const TEST_REQUESTER = Object.freeze({ id: 'agent:requester', claimed: true, osUser: 'requester' })
/** Who decides in the cases. */
export const TEST_DECIDER = Object.freeze({ id: 'user:decider', claimed: false, osUser: 'decider' })

/** Two questions of two plugins. */
export const EDIT: AskShown = { plugin: 'test.policy', key: 'edit', reason: 'it edits a file' }
export const SPEND: AskShown = { plugin: 'test.money', key: 'spend', reason: 'it costs money' }
/** How many do the same thing at one moment. */
export const RACERS = 50

/** Makes a case of a rule; each gets a fixture of its own. */
export type Rule = (name: string, check: (fixture: ApprovalsFixture) => Promise<void>) => ContractCase

/** An action like no other of another name. */
export function actionOf(name: string): StoredAction {
  const target = `test.${name}`
  const about = { title: `Test ${name}` }
  return {
    kind: 'test.action',
    target,
    input: { name },
    actor: TEST_REQUESTER,
    digest: sha256(name),
    contract: '1',
    about,
  }
}

/** A call of kernel instance `i1`. */
export function refOf(callId: string) {
  return { callId, instance: 'i1' }
}

/** Takes an approval for the action and the asks that it was opened for. */
export async function take(approvals: Approvals, ref: TakeRef, id: string): Promise<TakeAnswer> {
  const request = await approvals.get(id)
  return approvals.take(ref, id, { digest: request?.action.digest ?? sha256(id), asks: request?.asks ?? [] })
}

/** Opens a request and approves it. */
export async function approve(approvals: Approvals, name: string, asks = [EDIT]): Promise<ApprovalRequest> {
  const { request } = await approvals.open(actionOf(name), asks)
  return (await approvals.decide(request.id, { verdict: 'approve', by: TEST_DECIDER })).request
}

/** Fails unless the work is refused with this code. */
export async function rejects(work: Promise<unknown>, code: string): Promise<void> {
  await assert.rejects(work, (error) => (error as { code?: unknown }).code === code)
}
