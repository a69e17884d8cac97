// Words a decision for people, with what would change it; must never show more of a URL than where it leads.
import { ClonedError } from 'cloned/kernel'
import { narrowest, proposalProblems, proposingCommand, proposingInput, scopeOfCaller } from './proposal.js'
import type { EgressCaller, EgressDecision, EgressExplanation, EgressRefusal } from './slot.js'
import type { Target } from './target.js'

/** The error of a request that is not made. `target` is not read for a URL that is not clear. */
export function denied(
  refusal: EgressRefusal,
  caller: EgressCaller,
  method: string,
  target: Target | object,
): ClonedError<'EGRESS_DENIED'> {
  const url = 'origin' in target ? plain(target) : 'the URL'
  const { next } = remedy(refusal, caller, method, target)
  return new ClonedError('EGRESS_DENIED', { method: method.slice(0, 20), url, reason: refusal.reason, next })
}

export function explained(
  decision: EgressDecision,
  caller: EgressCaller,
  method: string,
  target: Target | object,
): EgressExplanation {
  const host = 'host' in target ? { host: target.host.text } : {}
  return { decision, ...host, ...remedy(decision, caller, method, target) }
}

/** What to type or call to get another answer. */
function remedy(
  decision: EgressDecision,
  caller: EgressCaller,
  method: string,
  target: Target | object,
): Pick<EgressExplanation, 'next' | 'propose'> {
  if (decision.allowed)
    return { next: `To deny it, take out its rule (${decision.rule}): cloned firewall remove --help` }
  const { code, rule: at } = decision
  if (!('origin' in target)) return { next: 'Write it plainly, as in https://host.example/path.' }
  if (code === 'RULES') return { next: 'See the rules and mend them: cloned policy show' }
  if (code === 'DENIED') return { next: `Nothing but a change of that rule would allow it (${at}).` }
  if (code === 'METHOD' && at === undefined) return { next: 'Use another method: no rule allows this one.' }
  const rule = narrowest(method, target)
  const [problem] = proposalProblems(rule)
  if (problem !== undefined) return { next: `No rule can allow it: one for ${target.host.text} ${problem}.` }
  const scope = scopeOfCaller(caller)
  const command = `Propose to allow it: ${proposingCommand(scope, rule)}`
  const propose = proposingInput(scope, rule)
  if (!propose) return { next: command }
  return { next: `${command} (an agent calls ${propose.tool} with ${JSON.stringify(propose.input)})`, propose }
}

function plain({ scheme, host, port }: Target): string {
  const usual = port === (scheme === 'https' ? 443 : 80)
  return `${scheme}://${host.text}${usual ? '' : `:${port}`}`
}
