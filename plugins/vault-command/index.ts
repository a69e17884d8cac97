// Contributes programs that print secrets as a place for them; decides nothing itself.
import { definePlugin, environmentVariable } from 'cloned/kernel'
import { vaultProvidersCollection } from '../vault/slot.js'
import { commandProvider } from './provider.js'

export { commandProvider } from './provider.js'

export const vaultCommandPlugin = definePlugin({
  id: 'cloned.vault-command',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Secrets from programs that print them.',
  contributes: { providers: vaultProvidersCollection },
  setup: () => ({ providers: [commandProvider(environmentVariable)] }),
})
