// Contributes OpenBao and HashiCorp Vault as a place for secrets; decides nothing itself.
import { definePlugin, environmentVariable, optional, scrubberSlot } from 'cloned/kernel'
import { outboundSlot } from '../outbound/slot.js'
import { vaultProvidersCollection } from '../vault/slot.js'
import { openbaoProvider } from './provider.js'

export { type OpenbaoParts, openbaoProvider } from './provider.js'

export const vaultOpenbaoPlugin = definePlugin({
  id: 'cloned.vault-openbao',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Secrets in OpenBao or HashiCorp Vault.',
  requires: { outbound: outboundSlot, scrubber: optional(scrubberSlot) },
  contributes: { providers: vaultProvidersCollection },
  setup({ deps: { outbound, scrubber } }) {
    const known = (name: string, value: Buffer) => scrubber?.register(name, value)
    return { providers: [openbaoProvider({ outbound, environment: environmentVariable, known })] }
  },
})
