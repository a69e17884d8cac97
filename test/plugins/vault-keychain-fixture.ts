// A keychain in memory with the interface of the package, which cannot run where no desktop session does.
import type { Keyring } from '../../plugins/vault-keychain/index.js'

/** A keychain in memory, of the interface of the package. */
export function memoryKeyring() {
  const kept = new Map<string, Uint8Array>()
  const stores: string[] = []
  const state = { locked: false }
  const mustBeOpen = () => {
    if (state.locked) throw new Error('Platform secure storage failure: Secret Service: no result found')
  }
  class AsyncEntry {
    readonly #at: string
    constructor(service: string, account: string, options: { linux: { store: string } }) {
      this.#at = `${service}/${account}`
      stores.push(options.linux.store)
    }
    async getSecret() {
      mustBeOpen()
      const found = kept.get(this.#at)
      return found ? [...found] : null
    }
    async setSecret(secret: Uint8Array) {
      mustBeOpen()
      kept.set(this.#at, Uint8Array.from(secret))
    }
    async deleteCredential() {
      mustBeOpen()
      return kept.delete(this.#at)
    }
  }
  const keyring: Keyring = {
    AsyncEntry,
    // As the package does on Linux: it searches whatever answers, and a store that is locked holds nothing.
    findCredentialsAsync: async (service) =>
      state.locked
        ? []
        : [...kept.keys()]
            .filter((at) => at.startsWith(`${service}/`))
            .map((at) => ({ account: at.slice(service.length + 1) })),
  }
  return { keyring, kept, stores, state }
}
