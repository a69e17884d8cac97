// A registry of a third party: owns the registry slot with files that the audit log vouches for; nothing runs unverified.
import { afterAction, auditSlot, beforeToolCall, definePlugin, deny, isClonedError, type Verdict } from 'cloned/kernel'
import { packagesSlot, toolIdAtGate } from 'cloned/plugins/package'
import { policySlot } from 'cloned/plugins/policy'
import {
  afterRegistryChange,
  beforeConnectorInstall,
  type ConnectorInstall,
  connectorDisable,
  connectorEnable,
  connectorInstall,
  connectorRemove,
  registrySlot,
} from 'cloned/plugins/registry'
import { TRUST_WRITE, trustSlot } from 'cloned/plugins/trust'
import { workspaceSlot } from 'cloned/plugins/workspace'
import { type ChangeParts, installer, judge, switcher } from './changes.js'
import { AcmeRegistry } from './registry.js'
import { States } from './states.js'

/** List it, and say so: `replace: { 'cloned.registry': 'acme.registry' }`. */
export default definePlugin({
  id: 'acme.registry',
  version: '1.0.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Installed connectors, kept in files that count only as the audit log knows them.',
  requires: {
    workspace: workspaceSlot,
    audit: auditSlot,
    packages: packagesSlot,
    trust: trustSlot,
    policy: policySlot,
  },
  provides: { registry: registrySlot },
  taps: [beforeConnectorInstall, beforeToolCall, afterAction],
  fires: [afterRegistryChange],
  executes: [connectorInstall, connectorEnable, connectorDisable, connectorRemove],
  setup({ deps: { workspace, audit, packages, trust, policy }, hooks, actions, onStart, now, log }) {
    const states = new States(() => workspace.path('acme-registry'), audit)
    const directory = () => workspace.path('packages')
    const changed = (enabled: ReturnType<AcmeRegistry['enabled']>) => hooks.fire(afterRegistryChange, { enabled })
    const base = { states, packages, trust, audit, directory, changed, now, log }
    const registry = new AcmeRegistry(base)
    const parts: ChangeParts = { ...base, policy, registry, lock: () => workspace.path('acme-registry.lock') }

    onStart(() => registry.refresh())
    hooks.guard(beforeConnectorInstall, ({ input }) => unless(() => judge(parts, input as unknown as ConnectorInstall)))
    // Before every call, besides what runs connectors does: a revocation counts at once.
    hooks.guard(beforeToolCall, ({ target }) => {
      // To the last dot: `acme.weather.pro` is another connector than `acme.weather`.
      const connector = target.slice(0, target.lastIndexOf('.'))
      const found = registry.enabled().find(({ id }) => toolIdAtGate(id) === connector)
      return found && unless(() => registry.verifyNow(found.id))
    })
    hooks.observe(afterAction, async ({ action, outcome }) => {
      if (action.kind === TRUST_WRITE && outcome.status === 'done') await registry.refresh()
    })
    actions.execute(connectorInstall, installer(parts))
    actions.execute(connectorEnable, switcher(parts, 'enable'))
    actions.execute(connectorDisable, switcher(parts, 'disable'))
    actions.execute(connectorRemove, switcher(parts, 'remove'))
    return { registry }
  },
})

/** Denies with what the work is refused for; abstains when it is not. */
async function unless(work: () => Promise<unknown>): Promise<Verdict | undefined> {
  try {
    await work()
    return undefined
  } catch (error) {
    if (!isClonedError(error)) throw error
    return deny(error.message, { code: error.code, help: error.help })
  }
}
