// The firewall service over its parts: a request is put to every guard and to the rules before it is made, or it is not made.
import { beforeEgress, type CheckAnswer, ClonedError, describeThrown } from 'cloned/kernel'
import { explained } from './explain.js'
import type { RulesInForce, SafeFetch } from './safe-fetch.js'
import type { EgressCaller, EgressDecision, Firewall } from './slot.js'
import { parseTarget, type Target } from './target.js'

/** The caller of an action that is no tool call: no rule of a tool names it. */
const NO_TOOL = 'action'

export function callerOf(tool: { readonly id: string } | undefined, connector: string | undefined): EgressCaller {
  return { tool: tool?.id ?? NO_TOOL, ...(connector === undefined ? {} : { connector }) }
}

export function createFirewall(rules: () => RulesInForce, safe: Pick<SafeFetch, 'fetch'>): Firewall {
  const judge = (caller: EgressCaller, method: string, url: string | URL) => {
    const target = parseTarget(String(url))
    return { target, decision: judged(rules, caller, method, target) }
  }
  return {
    async fetch(ctx, url, init = {}) {
      const { connector } = init
      const check = (hop: { method: string; url: string }): void | Promise<void> => {
        const answer = ctx.check(beforeEgress, { ...hop, ...(connector === undefined ? {} : { connector }) })
        return answer instanceof Promise ? answer.then((late) => obey(late, hop)) : obey(answer, hop)
      }
      const signals = init.signal ? [ctx.signal, init.signal] : [ctx.signal]
      return await safe.fetch(callerOf(ctx.tool, connector), String(url), init, check, signals)
    },
    decide: (caller, method, url) => judge(caller, method, url).decision,
    explain(caller, method, url) {
      const { target, decision } = judge(caller, method, url)
      return explained(decision, caller, method, target)
    },
  }
}

function judged(
  rules: () => RulesInForce,
  caller: EgressCaller,
  method: string,
  target: ReturnType<typeof parseTarget>,
): EgressDecision {
  if ('refused' in target) return { allowed: false, code: target.refused, reason: target.reason }
  return decided(rules, caller, method, target)
}

function decided(rules: () => RulesInForce, caller: EgressCaller, method: string, target: Target): EgressDecision {
  try {
    const decision = rules().decide(caller, method, target)
    return decision.allowed ? { allowed: true, rule: decision.rule } : decision
  } catch (error) {
    return { allowed: false, code: 'RULES', reason: describeThrown(error).replace(/\.$/, '') }
  }
}

function obey(answer: CheckAnswer, { method, url }: { method: string; url: string }): void {
  if (answer.allowed) return
  const { reason, help } = answer
  throw new ClonedError('EGRESS_DENIED', {
    method,
    url: new URL(url).origin,
    reason: reason.replace(/\.$/, ''),
    next: help,
  })
}
