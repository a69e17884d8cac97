// The firewall service over its parts: a request is put to every guard and to the rules before it is made, or it is not made.
import { beforeEgress, type CheckAnswer, ClonedError, describeThrown, type HandlerContext } from 'cloned/kernel'
import type { EgressPolicy } from '../policy/slot.js'
import { compileEgress } from './decide.js'
import { explained } from './explain.js'
import type { PluginEgress } from './plugin-egress.js'
import type { RulesInForce } from './revocation.js'
import type { CheckHop, SafeFetch } from './safe-fetch.js'
import type { EgressCaller, EgressDecision, Firewall } from './slot.js'
import { parseTarget, type Target } from './target.js'
import type { Tunnels } from './tunnels.js'

/** The caller of an action that is no tool call: no rule of a tool names it. */
const NO_TOOL = 'action'

export function callerOf(
  tool: { readonly id: string } | undefined,
  { connector, tool: claimed }: { readonly connector?: string; readonly tool?: string },
): EgressCaller {
  return { tool: tool?.id ?? claimed ?? NO_TOOL, ...(connector === undefined ? {} : { connector }) }
}

export function createFirewall(
  rules: () => RulesInForce,
  safe: Pick<SafeFetch, 'fetch'>,
  tunnels: Pick<Tunnels, 'open'>,
  plugins: Pick<PluginEgress, 'forPlugin'>,
): Firewall {
  const judge = (caller: EgressCaller, method: string, url: string | URL) => {
    const target = parseTarget(String(url))
    return { target, decision: judged(rules, caller, method, target) }
  }
  return {
    async fetch(ctx, url, init = {}) {
      const signals = init.signal ? [ctx.signal, init.signal] : [ctx.signal]
      return await safe.fetch(callerOf(ctx.tool, init), String(url), init, checking(ctx, init), signals)
    },
    async connect(ctx, url, init = {}) {
      return await tunnels.open(callerOf(ctx.tool, init), String(url), init, checking(ctx, init), ctx.signal)
    },
    forPlugin: (caller) => plugins.forPlugin(caller),
    read(url) {
      const target = parseTarget(String(url))
      if ('refused' in target) return { allowed: false, code: target.refused, reason: target.reason }
      const { scheme, host, port, origin } = target
      return { scheme, host: host.text, port, origin }
    },
    decide: (caller, method, url) => judge(caller, method, url).decision,
    explain(caller, method, url) {
      const { target, decision } = judge(caller, method, url)
      return explained(decision, caller, method, target)
    },
  }
}

/** Judges by the rules of a policy that need not be in force. Throws `EGRESS_RULES`. */
export function compileJudge(egress: EgressPolicy): Firewall['decide'] {
  const rules = { epoch: 0, decide: compileEgress(egress) }
  return (caller, method, url) => judged(() => rules, caller, method, parseTarget(String(url)))
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

/** Puts each hop to the guards of the running action. */
function checking(
  ctx: Pick<HandlerContext, 'check'>,
  { connector, tool }: { readonly connector?: string; readonly tool?: string },
): CheckHop {
  const whose = { ...(connector === undefined ? {} : { connector }), ...(tool === undefined ? {} : { tool }) }
  return (hop) => {
    const answer = ctx.check(beforeEgress, { ...hop, ...whose })
    return answer instanceof Promise ? answer.then((late) => obey(late, hop)) : obey(answer, hop)
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
