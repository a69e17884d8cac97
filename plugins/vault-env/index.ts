// Contributes environment variables as a place for secrets; decides nothing itself.
import { definePlugin, environmentVariable } from 'cloned/kernel'
import { vaultProvidersCollection } from '../vault/slot.js'
import { envProvider } from './provider.js'

export { envProvider } from './provider.js'

export const vaultEnvPlugin = definePlugin({
  id: 'cloned.vault-env',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Secrets from environment variables.',
  contributes: { providers: vaultProvidersCollection },
  setup: () => ({ providers: [envProvider(environmentVariable)] }),
})
