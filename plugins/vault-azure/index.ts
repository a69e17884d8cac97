// Contributes Azure Key Vault as a place for secrets; decides nothing itself.
import { definePlugin, environmentVariable, optional, scrubberSlot } from 'cloned/kernel'
import { outboundSlot } from '../outbound/slot.js'
import { vaultProvidersCollection } from '../vault/slot.js'
import { azureProvider } from './provider.js'

export { azureProvider } from './provider.js'

export const vaultAzurePlugin = definePlugin({
  id: 'cloned.vault-azure',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Secrets in Azure Key Vault.',
  requires: { outbound: outboundSlot, scrubber: optional(scrubberSlot) },
  contributes: { providers: vaultProvidersCollection },
  setup({ deps: { outbound, scrubber }, now }) {
    const known = (name: string, value: Buffer) => scrubber?.register(name, value)
    return { providers: [azureProvider({ outbound, environment: environmentVariable, known, now })] }
  },
})
