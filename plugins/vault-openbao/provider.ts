// Keeps secrets in OpenBao or HashiCorp Vault; a name must never reach a path outside of the prefix.
import { ClonedError, readPrivateFile } from 'cloned/kernel'
import type { Outbound } from '../outbound/slot.js'
import type { OpenProvider, RecordWrite, SecretInfo, SecretScope, VaultProvider } from '../vault/slot.js'
import { OpenbaoClient, openbaoFailed } from './client.js'
import { type OpenbaoConfig, openbaoConfig } from './config.js'

const NAME = /^[a-z0-9][a-z0-9_.-]{0,63}$/

export interface OpenbaoParts {
  readonly outbound: Outbound
  /** One environment variable, now. */
  readonly environment: (variable: string) => string | undefined
  /** Hears of the token before it is sent, to keep it from leaving otherwise. */
  readonly known: (name: string, value: Buffer) => void
}

export function openbaoProvider({ outbound, environment, known }: OpenbaoParts): VaultProvider {
  return {
    name: 'openbao',
    summary: 'OpenBao or HashiCorp Vault, secrets engine KV version 2',
    config: openbaoConfig,
    async open(given) {
      const config = given as unknown as OpenbaoConfig
      const { address, mount = 'secret', namespace, timeout_ms: timeoutMs = 10_000 } = config
      const token = () => {
        const read = readToken(config.token, environment)
        known('openbao-token', Buffer.from(read))
        return read
      }
      const way = outbound.open({
        plugin: 'cloned.vault-openbao',
        origins: [address],
        ...(config.addresses === undefined ? {} : { addresses: config.addresses }),
      })
      const client = new OpenbaoClient({ address, mount, namespace, timeoutMs, token }, way)
      return new OpenbaoSecrets(config, client)
    },
  }
}

class OpenbaoSecrets implements OpenProvider {
  readonly #config: OpenbaoConfig
  readonly #client: OpenbaoClient
  readonly #prefix: string
  readonly #field: string

  constructor(config: OpenbaoConfig, client: OpenbaoClient) {
    this.#config = config
    this.#client = client
    this.#prefix = config.prefix ?? 'cloned'
    this.#field = config.field ?? 'value'
  }

  describe() {
    return { where: this.#config.address, list: true, write: true, scopes: false }
  }

  async resolve(name: string) {
    const { path, field } = this.#place(name)
    const found = await this.#client.read(path)
    const value = found && Object.hasOwn(found.data, field) ? found.data[field] : undefined
    if (!found || value === undefined) return undefined
    if (typeof value !== 'string') throw openbaoFailed(`field "${field}" of the secret is not a text`)
    return { value: Buffer.from(value), version: String(found.version) }
  }

  async list(): Promise<readonly SecretInfo[]> {
    const below = await this.#client.list(`${this.#prefix}/`)
    const names = new Set([...below.filter((name) => NAME.test(name)), ...Object.keys(this.#config.secrets ?? {})])
    const scope = { hosts: [], tools: [], slots: [] }
    return [...names].sort().map((name) => ({ name, scope, version: '', state: 'current' }))
  }

  async put(name: string, value: Buffer, scope: SecretScope | undefined, record: RecordWrite): Promise<void> {
    const path = this.#own(name)
    const text = value.toString('utf8')
    if (!Buffer.from(text).equals(value)) throw openbaoFailed('it keeps texts, and the value is none')
    const newest = await this.#client.newest(path)
    if (newest === 0 && scope === undefined) throw new ClonedError('VAULT_UNKNOWN', { name })
    const version = await this.#client.write(path, { [this.#field]: text }, newest)
    await record({ name, version: String(version) })
  }

  async disable(name: string, record: RecordWrite): Promise<void> {
    const path = await this.#existing(name)
    await this.#client.deleteNewest(path)
    await record({ name })
  }

  async remove(name: string, record: RecordWrite): Promise<void> {
    const path = await this.#existing(name)
    await this.#client.destroy(path)
    await record({ name })
  }

  async health() {
    try {
      await this.#client.check()
      return { ok: true, detail: `${this.#config.address} is unsealed and takes the token` }
    } catch (error) {
      if (!(error instanceof ClonedError)) throw error
      return { ok: false, detail: error.message, help: 'Look at the server (bao status) and at its token.' }
    }
  }

  async close(): Promise<void> {}

  /** The server answers the same to a write below a path that does not exist. */
  async #existing(name: string): Promise<string> {
    const path = this.#own(name)
    if ((await this.#client.newest(path)) === 0) throw new ClonedError('VAULT_UNKNOWN', { name })
    return path
  }

  #place(name: string): { path: string; field: string } {
    const placed = this.#placed(name)
    return placed
      ? { path: placed.path, field: placed.field ?? this.#field }
      : { path: this.#own(name), field: this.#field }
  }

  /** Where secrets that cloned itself keeps stand. Those of others are not written. */
  #own(name: string): string {
    if (!NAME.test(name)) throw openbaoFailed('that is no name for a secret')
    if (this.#placed(name)) throw openbaoFailed(`"${name}" stands outside of the prefix, and is only read`)
    return `${this.#prefix}/${name}`
  }

  #placed(name: string) {
    const { secrets = {} } = this.#config
    return Object.hasOwn(secrets, name) ? secrets[name] : undefined
  }
}

function readToken(token: OpenbaoConfig['token'], environment: OpenbaoParts['environment']): string {
  if ('file' in token) {
    const bytes = readPrivateFile(token.file, { maxBytes: 64 * 1024 })
    if (bytes) return plain(bytes.toString('utf8').trim(), token.file)
    throw openbaoFailed(`there is no token file ${token.file}`)
  }
  const value = environment(token.env)
  if (value === undefined) throw openbaoFailed(`the variable ${token.env}, which should hold the token, is not set`)
  return plain(value.trim(), token.env)
}

function plain(token: string, where: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token
  throw openbaoFailed(`${where} holds something else than a token`)
}
