// Wires the firewall into a distribution: the rules of the policy in force decide; without them nothing leaves.
import {
  allow,
  beforeEgress,
  definePlugin,
  deny,
  isClonedError,
  onPolicyWrite,
  type PolicyWrite,
  toolOf,
  toolsCollection,
} from 'cloned/kernel'
import { policySlot } from '../policy/slot.js'
import { compileEgress } from './decide.js'
import { callerOf, createFirewall } from './firewall.js'
import { createResolver } from './resolve.js'
import { createRules } from './rules-in-force.js'
import { SafeFetch } from './safe-fetch.js'
import { firewallSlot } from './slot.js'
import { fetchTool } from './tool.js'
import { ownAddresses } from './vet.js'

export * from './slot.js'

/** Decides which requests leave, and makes them. */
export const firewallPlugin = definePlugin({
  id: 'cloned.firewall',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Lets out only the requests that the egress rules of the policy allow.',
  requires: { policy: policySlot },
  provides: { firewall: firewallSlot },
  contributes: { tools: toolsCollection },
  taps: [beforeEgress, onPolicyWrite],
  setup({ deps: { policy }, hooks, onStop, log, now }) {
    const rules = createRules(() => policy.snapshot())
    const resolve = createResolver()
    const safe = new SafeFetch({ rules, resolve, own: ownAddresses, now, log })
    onStop(() => safe.close())
    const firewall = createFirewall(rules, safe)

    hooks.guard(beforeEgress, ({ action, subject: { method, url, connector } }) => {
      const { decision, next } = firewall.explain(callerOf(toolOf(action), connector), method, url)
      if (decision.allowed) return allow(decision.rule)
      const { reason, rule } = decision
      return deny(reason, { code: 'EGRESS_DENIED', help: next, ...(rule === undefined ? {} : { rule }) })
    })
    hooks.guard(onPolicyWrite, ({ input }) => {
      try {
        compileEgress(policy.preview((input as PolicyWrite).content).egress)
        return undefined
      } catch (error) {
        if (!isClonedError(error)) throw error
        return deny(error.message, { code: error.code, help: error.help })
      }
    })
    return { firewall, tools: [fetchTool(firewall.fetch)] }
  },
})
