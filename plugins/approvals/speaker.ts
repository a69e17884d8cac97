// Says who speaks in a decision and what counts of it; what was signed counts for more than what the caller says.
import { type ApprovalRequest, ClonedError, type Decision, digest } from 'cloned/kernel'
import type { PolicySnapshot } from '../policy/slot.js'
import { identify, mustBeEntitled, type Person } from './authority.js'
import { verifyDecision } from './signed.js'

/** What counts of a decision: what was signed, else what the caller says. */
export type Said = Pick<Decision, 'verdict' | 'reason' | 'grant'>

/**
 * Who decides and what they say, once their word on the request counts at this moment. `osUser` is whose the deciding process
 * is. Throws `APPROVER_REFUSED` for somebody who may not decide, `APPROVAL_SIGNATURE` for a signature that does not hold.
 */
export function speakerOf(
  rules: PolicySnapshot['approvals'],
  request: ApprovalRequest,
  decision: Decision,
  osUser: string,
  now: number,
): { said: Said; person: Person } {
  const { by, proven: authenticated, signed } = decision
  const proven = { osUser: authenticated ? by.osUser : osUser, named: by }
  const signature = signed === undefined ? undefined : openSigned(signed, request, decision, rules, now)
  const person = identify(rules, { ...proven, ...(signature ? { signer: signature.signer } : {}) })
  mustBeEntitled(rules, person, request, now)
  return { said: signature?.said ?? saidOf(decision), person }
}

function openSigned(
  signed: string,
  request: ApprovalRequest,
  { verdict, edit }: Decision,
  { approvers }: PolicySnapshot['approvals'],
  now: number,
) {
  const { decision, approver, thumbprint } = verifyDecision(signed, request, approvers, now)
  const refused = (reason: string) => new ClonedError('APPROVAL_SIGNATURE', { approval: request.id, reason })
  if (decision.verdict !== verdict) throw refused(`it says ${decision.verdict}`)
  if (decision.edited !== (edit === undefined ? undefined : digest(edit))) {
    throw refused('it was not signed for the edited arguments that came with it')
  }
  return { said: saidOf(decision), signer: { approver, thumbprint } }
}

function saidOf({ verdict, reason, grant }: Said): Said {
  return { verdict, ...(reason === undefined ? {} : { reason }), ...(grant ? { grant } : {}) }
}
