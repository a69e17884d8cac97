// The votes of a firewall: on requests by its rules, on policies by whether it could judge by them; decides nothing by itself.
import {
  type Action,
  allow,
  deny,
  type EgressSubject,
  isClonedError,
  type PolicyWrite,
  toolOf,
  type Verdict,
} from 'cloned/kernel'
import type { Policy } from '../policy/slot.js'
import { compileEgress } from './decide.js'
import { callerOf } from './firewall.js'
import type { Firewall } from './slot.js'

/** Votes on `beforeEgress`: what the rules answer, and what would change it. */
export function voteOnRequest(
  firewall: Pick<Firewall, 'explain'>,
  { action, subject }: { readonly action: Action; readonly subject: EgressSubject },
): Verdict {
  const { decision, next } = firewall.explain(callerOf(toolOf(action), subject), subject.method, subject.url)
  if (decision.allowed) return allow(decision.rule)
  const { reason, rule } = decision
  return deny(reason, { code: 'EGRESS_DENIED', help: next, ...(rule === undefined ? {} : { rule }) })
}

/** Votes on `onPolicyWrite`: denies a policy whose egress rules cannot be used. */
export function voteOnRules(policy: Pick<Policy, 'preview'>, { input }: Action): Verdict | undefined {
  try {
    compileEgress(policy.preview((input as PolicyWrite).content).egress)
    return undefined
  } catch (error) {
    if (!isClonedError(error)) throw error
    return deny(error.message, { code: error.code, help: error.help })
  }
}
