// Speaks the REST API of Azure Key Vault secrets; no error may hold a token, a value or a server's text.
import type { Json } from 'cloned/kernel'
import type { OutboundClient, OutboundRequest } from '../outbound/slot.js'
import { azureFailed, type Login } from './login.js'

const API = 'api-version=7.4'
const MAX_PAGES = 100

/** A secret as the service answers it. Times are seconds since 1970. */
export interface AzureSecret {
  readonly name: string
  /** Absent in lists. */
  readonly version: string | undefined
  readonly value: string | undefined
  readonly enabled: boolean
  readonly created: number | undefined
  readonly updated: number | undefined
  readonly expires: number | undefined
}

export class AzureClient {
  readonly #origin: string
  readonly #login: Login
  readonly #outbound: OutboundClient

  constructor(origin: string, login: Login, outbound: OutboundClient) {
    this.#origin = origin
    this.#login = login
    this.#outbound = outbound
  }

  /** `undefined` when there is none, or it is disabled. */
  async read(name: string): Promise<AzureSecret | undefined> {
    const { status, body } = await this.#send('GET', `/secrets/${name}?${API}`)
    if (status === 404 || (status === 403 && isDisabled(body))) return undefined
    return secretOf(this.#json(status, body))
  }

  async write(name: string, value: string): Promise<AzureSecret> {
    const { status, body } = await this.#send('PUT', `/secrets/${name}?${API}`, { value })
    return secretOf(this.#json(status, body))
  }

  async disable(name: string, version: string): Promise<void> {
    const change = { attributes: { enabled: false } }
    const { status, body } = await this.#send('PATCH', `/secrets/${name}/${version}?${API}`, change)
    this.#json(status, body)
  }

  /** Answers whether there was one. Recoverable for as long as the vault's soft delete says. */
  async remove(name: string): Promise<boolean> {
    const { status, body } = await this.#send('DELETE', `/secrets/${name}?${API}`)
    if (status === 404) return false
    this.#json(status, body)
    return true
  }

  async list(): Promise<readonly AzureSecret[]> {
    const found: AzureSecret[] = []
    let next: string | undefined = `/secrets?${API}&maxresults=25`
    for (let page = 0; next !== undefined; page++) {
      if (page === MAX_PAGES) throw azureFailed(`its list has more than ${MAX_PAGES} pages`)
      const { status, body } = await this.#send('GET', next)
      const { value, nextLink } = this.#json(status, body) as { value?: unknown; nextLink?: unknown }
      if (!Array.isArray(value)) throw azureFailed('its answer is no list')
      found.push(...value.map(secretOf))
      next = typeof nextLink === 'string' && nextLink !== '' ? this.#sameOrigin(nextLink) : undefined
    }
    return found
  }

  /** The token goes where the answer says: a link to another host would hand it over. */
  #sameOrigin(link: string): string {
    const url = URL.canParse(link) ? new URL(link) : undefined
    if (url?.origin !== this.#origin) throw azureFailed('its list goes on at another host')
    return `${url.pathname}${url.search}`
  }

  async #send(method: OutboundRequest['method'], path: string, body?: Json) {
    const request = async (fresh: boolean) => {
      const authorization = `Bearer ${await this.#login(fresh)}`
      const content = body === undefined ? {} : { body: JSON.stringify(body) }
      const headers = { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) }
      return this.#outbound.send({ method, url: `${this.#origin}${path}`, headers, ...content })
    }
    const answer = await request(false)
    // The token may have been revoked before its time.
    return answer.status === 401 ? request(true) : answer
  }

  #json(status: number, body: Buffer): object {
    if (status !== 200)
      throw azureFailed(status === 403 ? 'it does not allow this' : `it answered with status ${status}`)
    const answer = parsed(body)
    if (typeof answer !== 'object' || answer === null) throw azureFailed('its answer is not JSON')
    return answer
  }
}

function isDisabled(body: Buffer): boolean {
  const answer = parsed(body) as { error?: { innererror?: { code?: unknown } } } | null | undefined
  return answer?.error?.innererror?.code === 'SecretDisabled'
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    // The parser's message quotes what it read, which may be a secret.
    return undefined
  }
}

function secretOf(answer: unknown): AzureSecret {
  const {
    id,
    value,
    attributes = {},
  } = answer as { id?: unknown; value?: unknown; attributes?: Record<string, unknown> }
  const [, name, version] = /\/secrets\/([A-Za-z0-9-]+)(?:\/([0-9a-f]+))?$/.exec(String(id)) ?? []
  if (name === undefined) throw azureFailed('its answer names no secret')
  const time = (key: string) => (typeof attributes[key] === 'number' ? attributes[key] : undefined)
  return {
    name,
    version,
    value: typeof value === 'string' ? value : undefined,
    enabled: attributes['enabled'] !== false,
    created: time('created'),
    updated: time('updated'),
    expires: time('exp'),
  }
}
