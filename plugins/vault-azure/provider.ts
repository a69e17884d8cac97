// Keeps secrets in Azure Key Vault; two names of a workspace must never mean one secret there.
import { ClonedError } from 'cloned/kernel'
import type { Outbound } from '../outbound/slot.js'
import type { OpenProvider, RecordWrite, SecretInfo, SecretScope, VaultProvider } from '../vault/slot.js'
import { AzureClient, type AzureSecret } from './client.js'
import { type AzureConfig, azureConfig } from './config.js'
import { azureFailed, createLogin, type LoginParts, loginOrigin } from './login.js'

const NAME = /^[a-z0-9][a-z0-9-]{0,63}$/

export interface AzureParts extends Omit<LoginParts, 'outbound'> {
  readonly outbound: Outbound
}

export function azureProvider(parts: AzureParts): VaultProvider {
  return {
    name: 'azure',
    summary: 'Azure Key Vault, as an application of Microsoft Entra',
    config: azureConfig,
    async open(given) {
      const config = given as unknown as AzureConfig
      const origin = `https://${config.vault.toLowerCase()}.${config.vault_domain ?? 'vault.azure.net'}`
      const outbound = parts.outbound.open({
        plugin: 'cloned.vault-azure',
        origins: [origin, loginOrigin(config)],
        ...(config.addresses === undefined ? {} : { addresses: config.addresses }),
      })
      const client = new AzureClient(origin, createLogin(config, { ...parts, outbound }), outbound)
      return new AzureSecrets(origin, config, client, parts.now)
    },
  }
}

class AzureSecrets implements OpenProvider {
  readonly #origin: string
  readonly #names: ReadonlyMap<string, string>
  readonly #client: AzureClient
  readonly #now: () => number

  constructor(origin: string, { names = {} }: AzureConfig, client: AzureClient, now: () => number) {
    this.#origin = origin
    this.#names = new Map(Object.entries(names))
    this.#client = client
    this.#now = now
  }

  describe() {
    return { where: this.#origin, list: true, write: true, scopes: false }
  }

  async resolve(name: string) {
    const azure = this.#azureName(name)
    const found = azure === undefined ? undefined : await this.#client.read(azure)
    if (!found || this.#state(found) !== 'current') return undefined
    if (found.value === undefined || found.version === undefined) throw azureFailed('its answer holds no value')
    const value = Buffer.from(found.value)
    if (found.expires === undefined) return { value, version: found.version }
    // Asked again in a minute at the latest, like a secret that never expires.
    return { value, version: found.version, until: Math.min(found.expires * 1000, this.#now() + 60_000) }
  }

  async list(): Promise<readonly SecretInfo[]> {
    const own = new Map([...this.#names].map(([name, azure]) => [azure.toLowerCase(), name]))
    const infos = (await this.#client.list()).flatMap((found): SecretInfo[] => {
      const name = own.get(found.name.toLowerCase()) ?? found.name
      if (this.#azureName(name)?.toLowerCase() !== found.name.toLowerCase()) return []
      const { created, updated, expires } = found
      return [
        {
          name,
          scope: { hosts: [], tools: [], slots: [] },
          version: '',
          state: this.#state(found),
          ...(created === undefined ? {} : { createdAt: created * 1000 }),
          ...(updated === undefined ? {} : { rotatedAt: updated * 1000 }),
          ...(expires === undefined ? {} : { expiresAt: expires * 1000 }),
        },
      ]
    })
    return infos.sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  async put(name: string, value: Buffer, scope: SecretScope | undefined, record: RecordWrite): Promise<void> {
    const text = value.toString('utf8')
    if (!Buffer.from(text).equals(value)) throw azureFailed('it keeps texts, and the value is none')
    const azure = this.#mustMap(name)
    if (scope === undefined && !(await this.#client.read(azure))) throw new ClonedError('VAULT_UNKNOWN', { name })
    const { version } = await this.#client.write(azure, text)
    await record({ name, ...(version === undefined ? {} : { version }) })
  }

  async disable(name: string, record: RecordWrite): Promise<void> {
    const azure = this.#mustMap(name)
    const found = await this.#client.read(azure)
    if (found?.version === undefined) throw new ClonedError('VAULT_UNKNOWN', { name })
    await this.#client.disable(azure, found.version)
    await record({ name, version: found.version })
  }

  async remove(name: string, record: RecordWrite): Promise<void> {
    if (!(await this.#client.remove(this.#mustMap(name)))) throw new ClonedError('VAULT_UNKNOWN', { name })
    await record({ name })
  }

  async health() {
    try {
      await this.#client.list()
      return { ok: true, detail: `${this.#origin} answers` }
    } catch (error) {
      if (!(error instanceof ClonedError)) throw error
      return {
        ok: false,
        detail: error.message,
        help: 'Look at the application and its role "Key Vault Secrets User".',
      }
    }
  }

  async close(): Promise<void> {}

  #state({ enabled, expires }: AzureSecret): SecretInfo['state'] {
    if (!enabled) return 'disabled'
    return expires !== undefined && expires * 1000 <= this.#now() ? 'expired' : 'current'
  }

  /** Names there are letters, digits and "-", whatever the case; another has to be mapped in the configuration. */
  #azureName(name: string): string | undefined {
    return this.#names.get(name) ?? (NAME.test(name) && !this.#taken(name) ? name : undefined)
  }

  /** Another name of the workspace is mapped to it. */
  #taken(azure: string): boolean {
    return [...this.#names.values()].some((taken) => taken.toLowerCase() === azure)
  }

  #mustMap(name: string): string {
    const azure = this.#azureName(name)
    if (azure !== undefined) return azure
    throw azureFailed(`"${name}" cannot be a name there; map it under vault.config.names`)
  }
}
