// Asks again for what was allowed, once there are other rules; what they do not allow, or allow elsewhere, is revoked.
import { ClonedError, isClonedError } from 'cloned/kernel'
import type { Decide, Decision } from './decide.js'
import { denied } from './explain.js'
import type { EgressCaller } from './slot.js'
import type { Target } from './target.js'

/** The rules in force. Another epoch means other rules. */
export interface RulesInForce {
  readonly epoch: number
  readonly decide: Decide
}

/** An allowed request, and the rules that allowed it. */
export type Granted = Extract<Decision, { allowed: true }> & { readonly epoch: number }

/** Decides by the rules in force. Throws `EGRESS_DENIED`, and what asking for the rules throws. */
export function granted(rules: () => RulesInForce, caller: EgressCaller, method: string, target: Target): Granted {
  const { epoch, decide } = rules()
  const decision = decide(caller, method, target)
  if (!decision.allowed) throw denied(decision, caller, method, target)
  return { ...decision, epoch }
}

/** Answers why what was granted is not allowed any more; asks once for each epoch. */
export function revocation(caller: EgressCaller, method: string, target: Target, { epoch, addresses }: Granted) {
  let judged = epoch
  return (rules: () => RulesInForce): Error | undefined => {
    const revoked = () => new ClonedError('EGRESS_REVOKED', { host: target.host.text })
    try {
      const now = rules()
      if (now.epoch === judged) return undefined
      judged = now.epoch
      const decision = now.decide(caller, method, target)
      return decision.allowed && decision.addresses.id === addresses.id ? undefined : revoked()
    } catch (error) {
      return isClonedError(error) ? error : revoked()
    }
  }
}
