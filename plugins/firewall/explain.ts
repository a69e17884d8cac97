// Words a decision for people, with what would change it; must never show more of a URL than where it leads.
import { ClonedError } from 'cloned/kernel'
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
  const next = nextStep(refusal, caller, method, target)
  return new ClonedError('EGRESS_DENIED', { method: method.slice(0, 20), url, reason: refusal.reason, next })
}

export function explained(
  decision: EgressDecision,
  caller: EgressCaller,
  method: string,
  target: Target | object,
): EgressExplanation {
  if (!('host' in target)) return { decision, next: nextStep(decision, caller, method, target) }
  return { decision, host: target.host.text, next: nextStep(decision, caller, method, target) }
}

function nextStep(
  decision: EgressDecision,
  { tool, connector }: EgressCaller,
  method: string,
  target: Target | object,
): string {
  if (decision.allowed) return `To deny it, take the rule out (${decision.rule}), then: cloned policy adopt`
  if (!('origin' in target)) return 'Write it plainly, as in https://host.example/path.'
  switch (decision.code) {
    case 'RULES':
      return 'See the rules and mend them: cloned policy show'
    case 'DENIED':
      return `Nothing but a change of that rule would allow it (${decision.rule}).`
    default: {
      const scope = connector === undefined ? `tools.${tool}` : `connectors.${connector}`
      const rule = ruleFor(method, target)
      return `Add ${rule} under egress.${tool.includes('@') ? scope : 'global'}.allow of the policy overlay, then: cloned policy adopt`
    }
  }
}

/** The narrowest rule that allows the request, as it stands in a file. */
function ruleFor(method: string, { scheme, host, port }: Target): string {
  const fields = [`host: ${JSON.stringify(host.text)}`]
  if (scheme === 'http') fields.push('schemes: [http]')
  if (port !== (scheme === 'https' ? 443 : 80) || host.address) fields.push(`ports: [${port}]`)
  if (method !== 'GET') fields.push(`methods: [${method.slice(0, 20)}]`)
  return `"- { ${fields.join(', ')} }"`
}

function plain({ scheme, host, port }: Target): string {
  const usual = port === (scheme === 'https' ? 443 : 80)
  return `${scheme}://${host.text}${usual ? '' : `:${port}`}`
}
