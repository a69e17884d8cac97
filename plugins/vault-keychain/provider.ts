// Keeps secrets in the keychain of the operating system; where that would not outlive a reboot it must fail, not pretend.
import { createHmac, randomBytes } from 'node:crypto'
import { ClonedError, describeThrown, type JsonObject } from 'cloned/kernel'
import type { OpenProvider, RecordWrite, SecretInfo, SecretScope, VaultProvider } from '../vault/slot.js'

/** What is used of the package `@napi-rs/keyring`. */
export interface Keyring {
  readonly AsyncEntry: new (
    service: string,
    account: string,
    options: { linux: { store: 'secret-service' } },
  ) => {
    getSecret(): Promise<ArrayLike<number> | null>
    setSecret(secret: Uint8Array): Promise<void>
    deleteCredential(): Promise<boolean>
  }
  findCredentialsAsync(service: string): Promise<readonly { readonly account: string }[]>
}

const config: JsonObject = {
  type: 'object',
  additionalProperties: false,
  properties: {
    service: {
      type: 'string',
      pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$',
      description: 'Under which service the secrets stand in the keychain. Default: cloned.',
    },
  },
}
// Without it the package falls back to the keyring of the Linux kernel, which a reboot empties.
const STORE = { linux: { store: 'secret-service' } } as const
const NAME = /^[a-z0-9][a-z0-9_.-]{0,63}$/

/** `load` answers the package, or throws; called when the vault is opened. */
export function keychainProvider(load: () => Promise<Keyring>): VaultProvider {
  return {
    name: 'keychain',
    summary: 'The keychain of the operating system, with the package @napi-rs/keyring',
    config,
    async open(given) {
      let keyring: Keyring
      try {
        keyring = await load()
      } catch (error) {
        const params = { provider: 'keychain', package: '@napi-rs/keyring', cause: describeThrown(error) }
        throw new ClonedError('VAULT_PACKAGE_MISSING', params, { cause: error })
      }
      return new KeychainSecrets(keyring, (given as { service?: string }).service ?? 'cloned')
    },
  }
}

class KeychainSecrets implements OpenProvider {
  readonly #keyring: Keyring
  readonly #service: string
  // Keychains keep no versions. Keyed, so that the version tells nobody what the value may be.
  readonly #key = randomBytes(32)

  constructor(keyring: Keyring, service: string) {
    this.#keyring = keyring
    this.#service = service
  }

  describe() {
    return { where: `service "${this.#service}" of the system's keychain`, list: true, write: true, scopes: false }
  }

  async resolve(name: string) {
    const found = await this.#ask(() => this.#entry(name).getSecret())
    if (found === null) return undefined
    const value = Buffer.from(found)
    return { value, version: this.#version(value) }
  }

  async list(): Promise<readonly SecretInfo[]> {
    // The search takes no store: where the right one does not answer, it would search another and find nothing.
    await this.#probe()
    // It reads every value too; only the names are kept.
    const found = await this.#ask(() => this.#keyring.findCredentialsAsync(this.#service))
    const names = found.map(({ account }) => account).filter((name) => NAME.test(name))
    const scope = { hosts: [], tools: [], slots: [] }
    return names.sort().map((name) => ({ name, scope, version: '', state: 'current' }))
  }

  async put(name: string, value: Buffer, scope: SecretScope | undefined, record: RecordWrite): Promise<void> {
    if (scope === undefined && !(await this.resolve(name))) throw new ClonedError('VAULT_UNKNOWN', { name })
    await this.#ask(() => this.#entry(name).setSecret(value))
    await record({ name, version: this.#version(value) })
  }

  async remove(name: string, record: RecordWrite): Promise<void> {
    const removed = await this.#ask(() => this.#entry(name).deleteCredential())
    if (!removed) throw new ClonedError('VAULT_UNKNOWN', { name })
    await record({ name })
  }

  async health() {
    try {
      await this.#probe()
      return { ok: true, detail: 'the keychain answers' }
    } catch (error) {
      if (!(error instanceof ClonedError)) throw error
      return { ok: false, detail: error.message, help: 'Unlock the keychain. On Linux a Secret Service has to run.' }
    }
  }

  async close(): Promise<void> {}

  async #probe(): Promise<void> {
    await this.#ask(() => this.#entry('cloned.probe').getSecret())
  }

  #entry(name: string) {
    return new this.#keyring.AsyncEntry(this.#service, name, STORE)
  }

  #version(value: Buffer): string {
    return createHmac('sha256', this.#key).update(value).digest('hex').slice(0, 16)
  }

  async #ask<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      const problem = `the keychain refused (${describeThrown(error).slice(0, 200)})`
      throw new ClonedError('VAULT_PROVIDER_FAILED', { provider: 'keychain', problem })
    }
  }
}
