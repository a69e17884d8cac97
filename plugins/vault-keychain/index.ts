// Contributes the keychain of the operating system as a place for secrets; loads its package only when it is chosen.
import { definePlugin } from 'cloned/kernel'
import { vaultProvidersCollection } from '../vault/slot.js'
import { type Keyring, keychainProvider } from './provider.js'

export { type Keyring, keychainProvider } from './provider.js'

/** Optional: whoever wants the keychain installs it. */
const PACKAGE: string = '@napi-rs/keyring'

export const vaultKeychainPlugin = definePlugin({
  id: 'cloned.vault-keychain',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Secrets in the keychain of the operating system.',
  contributes: { providers: vaultProvidersCollection },
  setup: () => ({ providers: [keychainProvider(async () => (await import(PACKAGE)) as Keyring)] }),
})
