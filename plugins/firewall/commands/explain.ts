// The command `firewall explain`: what the rules answer to one request, and what would change it; sends nothing.
import type { JsonObject } from 'cloned/kernel'
import type { Command, CommandContext } from '../../cli/slot.js'
import type { EgressExplanation } from '../slot.js'
import { callerIn, type FirewallCommandParts, SCOPE_OPTIONS } from './parts.js'

export function explainCommand({ firewall }: Pick<FirewallCommandParts, 'firewall'>): Command {
  return {
    name: 'firewall explain',
    summary: 'Say whether a request would be allowed, by which rule, and what would change that',
    args: [{ name: 'url', description: 'Absolute, http or https', required: true }],
    options: [...SCOPE_OPTIONS, { flags: '--method <method>', description: 'Default: GET' }],
    examples: ['cloned firewall explain https://docs.example.com/guide --tool cloned.internal.http.fetch@v1'],
    needs: 'workspace',
    async run(ctx) {
      const { method = 'GET' } = ctx.options
      const explanation = firewall.explain(callerIn(ctx), String(method), ctx.args['url'] ?? '')
      return { json: explanationJson(explanation), text: explanationText(explanation, ctx) }
    },
  }
}

export function explanationJson({ decision, host, next, propose }: EgressExplanation): JsonObject {
  return { ...decision, ...(host === undefined ? {} : { host }), next, ...(propose ? { propose: { ...propose } } : {}) }
}

function explanationText({ decision, host = 'the URL', next }: EgressExplanation, ctx: CommandContext): string {
  const { paint, printable } = ctx
  const answer = decision.allowed
    ? `${paint.green('allowed')} ${printable(host)}: ${printable(decision.rule)}`
    : `${paint.red('denied')} ${printable(host)} (${decision.code}): ${printable(decision.reason)}`
  return `${answer}\n  ${printable(next)}`
}
