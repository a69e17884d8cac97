// Hands services of a whole distribution to their suites, driven as people and agents drive them; holds no rule of its own.
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { auditSlot, type Json, type Kernel, policyWrite, sha256 } from 'cloned/kernel'
import { connectorDisable, connectorEnable, connectorInstall, connectorRemove } from 'cloned/plugins/registry'
import { type TrustChange, trustWrite } from 'cloned/plugins/trust'
import { mustAct } from 'cloned/testing'
import { connectorsSlot } from './connectors/slot.js'
import type { ConnectorsSubject } from './connectors/testing.js'
import { firewallSlot } from './firewall/slot.js'
import type { FirewallSubject } from './firewall/testing.js'
import { packagesSlot } from './package/slot.js'
import { policySlot } from './policy/slot.js'
import { registrySlot } from './registry/slot.js'
import type { RegistrySubject } from './registry/testing.js'
import type { TestWorkspace } from './testing-workspace.js'
import { trustSlot } from './trust/slot.js'

/** The firewall of a workspace; its rules come by approved policy writes. */
export function firewallSubject({ kernel, close }: TestWorkspace): FirewallSubject {
  return {
    firewall: kernel.service(firewallSlot),
    async rules(egress) {
      const { pack, overlay: previous } = kernel.service(policySlot).snapshot()
      const content = JSON.stringify({ version: 1, pack, egress })
      await mustAct(kernel, policyWrite, pack, { pack, content, previous } satisfies Json)
    },
    close,
  }
}

/** Who runs connectors in a workspace. */
export function connectorsSubject({ kernel, close }: TestWorkspace): ConnectorsSubject {
  return {
    connectors: kernel.service(connectorsSlot),
    kernel,
    async trustMode(mode) {
      const { publicKey } = generateKeyPairSync('ed25519')
      const about = { id: 'some', name: 'Some', namespaces: ['some'] }
      await change(kernel, {
        op: 'publisher.put',
        content: kernel.service(trustSlot).publisherDocument(publicKey, about),
      })
      if (mode === 'dev') await change(kernel, { op: 'root.mode', mode })
    },
    close,
  }
}

/** The registry of a workspace, if it carries out the kinds of action that `cloned/plugins/registry` publishes. */
export function registrySubject(workspace: TestWorkspace): RegistrySubject {
  const { kernel, root, close } = workspace
  const registry = kernel.service(registrySlot)
  const packages = kernel.service(packagesSlot)
  const switched = async (id: string) => ({ id, digest: (await registry.get(id))?.digest ?? '0'.repeat(64) })
  return {
    registry,
    packages,
    trust: kernel.service(trustSlot),
    audit: kernel.service(auditSlot),
    trusted: (content) => change(kernel, { op: 'publisher.put', content }),
    revoke(publisher_id) {
      const entry = { kind: 'publisher', publisher_id, reason: 'it was stolen', effective: 'always' } as const
      return change(kernel, { op: 'revoke', entry })
    },
    async install(archive) {
      const incoming = join(root, '.cloned', 'packages', 'incoming')
      mkdirSync(incoming, { recursive: true, mode: 0o700 })
      const name = sha256(archive)
      writeFileSync(join(incoming, `${name}.tgz`), archive, { mode: 0o600 })
      const { manifest, digest } = await packages.head(archive)
      const { id, version, publisher_id: publisher } = packages.manifest(manifest)
      const previous = (await registry.get(id))?.digest ?? null
      await mustAct(kernel, connectorInstall, id, { id, version, publisher, digest, archive: name, previous })
    },
    enable: async (id) => mustAct(kernel, connectorEnable, id, await switched(id)),
    disable: async (id) => mustAct(kernel, connectorDisable, id, await switched(id)),
    remove: async (id) => mustAct(kernel, connectorRemove, id, await switched(id)),
    reopen: async () => (await workspace.reopen()).service(registrySlot),
    close,
  }
}

async function change(kernel: Kernel, what: TrustChange): Promise<void> {
  await mustAct(kernel, trustWrite, 'test', what)
}
