// Speaks the HTTP API of OpenBao and HashiCorp Vault, KV version 2; no error may hold a token, a value or a server's text.
import { ClonedError, type Json } from 'cloned/kernel'
import type { OutboundClient, OutboundRequest } from '../outbound/slot.js'

export interface OpenbaoServer {
  /** `https://bao.example.com:8200`, without a path. */
  readonly address: string
  /** Path of the KV engine: `secret`. */
  readonly mount: string
  readonly namespace: string | undefined
  readonly timeoutMs: number
  /** Asked for at every request: a token may be renewed in its file. Throws when there is none. */
  readonly token: () => string
}

/** One version of a secret. */
export interface KvVersion {
  readonly data: Readonly<Record<string, Json>>
  readonly version: number
}

/** A status that the caller did not expect. */
export function openbaoFailed(problem: string): ClonedError {
  return new ClonedError('VAULT_PROVIDER_FAILED', { provider: 'openbao', problem })
}

export class OpenbaoClient {
  readonly #server: OpenbaoServer
  readonly #outbound: OutboundClient

  constructor(server: OpenbaoServer, outbound: OutboundClient) {
    this.#server = server
    this.#outbound = outbound
  }

  /** The newest version; `undefined` when there is none, it was deleted or destroyed. */
  async read(path: string): Promise<KvVersion | undefined> {
    // A deleted version is a 404 with a body.
    const { status, json } = await this.#send('GET', this.#kv('data', path), undefined, [200, 404])
    if (status === 404) return undefined
    const { data, metadata } = json as { data?: unknown; metadata?: { version?: unknown } }
    if (typeof data !== 'object' || data === null || !Number.isSafeInteger(metadata?.version)) {
      throw openbaoFailed('its answer is not that of a KV engine of version 2')
    }
    return { data: data as KvVersion['data'], version: metadata?.version as number }
  }

  /** Number of the newest version, deleted ones included; 0 when there is none. */
  async newest(path: string): Promise<number> {
    const { status, json } = await this.#send('GET', this.#kv('metadata', path), undefined, [200, 404])
    const { current_version: version } = json as { current_version?: unknown }
    if (status === 404) return 0
    if (!Number.isSafeInteger(version)) throw openbaoFailed('its answer names no version')
    return version as number
  }

  /** Writes a version on top of `previous`; refused by the server when somebody wrote in between. */
  async write(path: string, data: Readonly<Record<string, Json>>, previous: number): Promise<number> {
    const body = { options: { cas: previous }, data }
    const { status, json } = await this.#send('POST', this.#kv('data', path), body, [200, 400])
    if (status === 400) throw openbaoFailed('it refused the write; somebody else may have written at the same time')
    const { version } = json as { version?: unknown }
    if (!Number.isSafeInteger(version)) throw openbaoFailed('its answer names no version')
    return version as number
  }

  /** Deletes the newest version; it can be brought back with the server's own tools. */
  async deleteNewest(path: string): Promise<void> {
    await this.#send('DELETE', this.#kv('data', path), undefined, [204])
  }

  /** Removes every version for good. */
  async destroy(path: string): Promise<void> {
    await this.#send('DELETE', this.#kv('metadata', path), undefined, [204])
  }

  /** Names directly below a path that ends in a slash. */
  async list(path: string): Promise<readonly string[]> {
    const { status, json } = await this.#send('GET', `${this.#kv('metadata', path)}?list=true`, undefined, [200, 404])
    if (status === 404) return []
    const { keys } = json as { keys?: unknown }
    if (!Array.isArray(keys)) throw openbaoFailed('its answer is no list')
    return keys.filter((key): key is string => typeof key === 'string' && !key.endsWith('/'))
  }

  /** Throws unless the server is unsealed and takes the token. */
  async check(): Promise<void> {
    await this.#send('GET', 'auth/token/lookup-self', undefined, [200])
  }

  #kv(part: 'data' | 'metadata', path: string): string {
    return [this.#server.mount, part, path]
      .flatMap((each) => each.split('/'))
      .map(encodeURIComponent)
      .join('/')
  }

  async #send(method: OutboundRequest['method'], path: string, body: Json | undefined, expected: readonly number[]) {
    const { address, namespace, timeoutMs, token } = this.#server
    const headers = {
      'x-vault-token': token(),
      // An agent of the server in between refuses requests without it, which a browser could not set.
      'x-vault-request': 'true',
      ...(namespace === undefined ? {} : { 'x-vault-namespace': namespace }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    }
    const url = new URL(`/v1/${path}`, address).href
    const content = body === undefined ? {} : { body: JSON.stringify(body) }
    const answer = await this.#outbound.send({ method, url, headers, timeoutMs, ...content })
    if (!expected.includes(answer.status)) throw openbaoFailed(statusProblem(answer.status))
    return { status: answer.status, json: answer.status === 200 ? dataOf(answer.body) : {} }
  }
}

function dataOf(body: Buffer): object {
  try {
    const { data } = JSON.parse(body.toString('utf8')) as { data?: unknown }
    if (typeof data === 'object' && data !== null) return data
  } catch {
    // The parser's message quotes what it read, which may be a secret.
    throw openbaoFailed('its answer is not JSON')
  }
  throw openbaoFailed('its answer holds no data')
}

function statusProblem(status: number): string {
  if (status === 403) return 'it refuses the token, or the policies of the token do not allow this'
  if (status === 503) return 'it is sealed or in maintenance'
  if (status >= 300 && status < 400) return `it answered with a redirect (${status}), and none is followed`
  return `it answered with status ${status}`
}
