// A firewall for connectors under test: the real parts, with a name server, an authority and rules that the test brings.
import { allow, beforeEgress, definePlugin, deny, onPolicyWrite, type Plugin, toolOf } from 'cloned/kernel'
import { firewallSlot } from 'cloned/plugins/firewall'
import { compileEgress } from '../../plugins/firewall/decide.js'
import { callerOf, createFirewall } from '../../plugins/firewall/firewall.js'
import { createResolver } from '../../plugins/firewall/resolve.js'
import { SafeFetch } from '../../plugins/firewall/safe-fetch.js'
import { Tunnels } from '../../plugins/firewall/tunnels.js'
import type { EgressRule } from '../../plugins/policy/slot.js'

export interface TestFirewall {
  /** `127.0.0.1:port` of a name server. */
  readonly names: string
  /** Certificate of the authority that requests of the host trust. */
  readonly ca: string
  readonly allow: readonly Omit<EgressRule, 'at'>[]
}

/** In the place of the firewall of the default distribution. */
export function testFirewall({ names, ca, allow: rules }: TestFirewall): Plugin {
  return definePlugin({
    id: 'cloned.firewall',
    version: '1.0.0',
    kernel: '^0.1.0',
    provides: { firewall: firewallSlot },
    taps: [beforeEgress, onPolicyWrite],
    setup({ hooks, onStop, log }) {
      const lists = { deny: [], allow: rules.map((rule, i) => ({ ...rule, at: `rule ${i}` })) }
      const compiled = { epoch: 1, decide: compileEgress({ global: lists, connectors: {}, tools: {} }) }
      const parts = {
        rules: () => compiled,
        resolve: createResolver([names]),
        own: () => new Set<string>(),
        now: () => performance.now(),
        log,
        tls: { ca },
      }
      const [safe, tunnels] = [new SafeFetch(parts), new Tunnels(parts)]
      onStop(() => safe.close())
      onStop(() => tunnels.close())
      const firewall = createFirewall(parts.rules, safe, tunnels, {
        forPlugin() {
          throw new Error('no plugin asks for itself here')
        },
      })
      hooks.guard(beforeEgress, ({ action, subject }) => {
        const { decision } = firewall.explain(callerOf(toolOf(action), subject), subject.method, subject.url)
        return decision.allowed ? allow(decision.rule) : deny(decision.reason, { code: 'EGRESS_DENIED' })
      })
      hooks.guard(onPolicyWrite, () => undefined)
      return { firewall }
    },
  })
}
