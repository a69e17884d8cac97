// Exchanges refresh tokens for access tokens, under the rules for the tool; neither of them ever reaches a worker.
import { declares, hostOf } from 'cloned/connector'
import { isClonedError, sha256 } from 'cloned/kernel'
import type { FetchResponse } from '../firewall/slot.js'
import type { AuthSlot } from '../package/slot.js'
import { Refusal } from './channel.js'
import { type CredentialCall, type CredentialParts, decoded, type ResolveSecret } from './credential.js'

const PLACE = 'form:refresh_token'
/** Not used in its last minute: it may end on the way. */
const MARGIN_MS = 60_000
const DEFAULT_S = 300

export class AccessTokens {
  readonly #parts: Pick<CredentialParts, 'vault' | 'firewall' | 'scrubber' | 'now'>
  readonly #tokens = new Map<string, { readonly value: string; readonly until: number }>()

  constructor(parts: Pick<CredentialParts, 'vault' | 'firewall' | 'scrubber' | 'now'>) {
    this.#parts = parts
  }

  /** An access token (RFC 6749 section 6). `options`: `token_url`, `client_id`, `scope`. Throws a {@link Refusal}. */
  async token(call: CredentialCall, auth: AuthSlot, name: string, resolve: ResolveSecret): Promise<string> {
    const { token_url: url, client_id, scope } = (auth.options ?? {}) as Record<string, unknown>
    if (typeof url !== 'string' || !URL.canParse(url) || !url.startsWith('https:')) throw refused('it has no token_url')
    const host = hostOf(url)
    if (!declares(call.tool.egress_hosts, host)) throw refused(`the tool does not declare ${host}`)
    // Also for a token that is kept: the secret may have been disabled, or a guard may think otherwise now.
    const secret = await resolve(name, host, PLACE)
    const key = sha256(JSON.stringify([call.connector, name, secret.version, url, client_id, scope]))
    const kept = this.#tokens.get(key)
    if (kept && kept.until > this.#parts.now()) return kept.value
    const { vault, firewall, now } = this.#parts
    const use = { tool: call.toolId, host, slot: PLACE, https: true, egress: call.tool.egress_hosts }
    const fields = { grant_type: 'refresh_token', client_id, scope }
    const form = Object.entries(fields).filter((pair): pair is [string, string] => typeof pair[1] === 'string')
    let response: FetchResponse
    try {
      response = await firewall.fetch(call.ctx, url, {
        method: 'POST',
        connector: call.connector,
        headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
        body: new URLSearchParams(form).toString(),
        redirect: 'manual',
        maxBytes: 100_000,
        secrets: [{ secret: name, in: 'body', name: 'refresh_token' }],
        bind: () => decoded(PLACE, vault.bind(secret, use)),
      })
    } catch (error) {
      throw isClonedError(error) ? refused(error.message) : error
    }
    const { value, seconds } = granted(response)
    this.#parts.scrubber?.register(`${name}.derived`, Buffer.from(value))
    this.#tokens.set(key, { value, until: now() + seconds * 1000 - MARGIN_MS })
    return value
  }
}

function granted(response: FetchResponse): { value: string; seconds: number } {
  if (!response.ok) throw refused(`the token endpoint answered ${response.status}`)
  let answer: { access_token?: unknown; expires_in?: unknown } | null
  try {
    answer = response.json() as typeof answer
  } catch {
    // Its text may hold a token.
    throw refused('the token endpoint did not answer with JSON')
  }
  if (typeof answer?.access_token !== 'string' || answer.access_token === '') throw refused('there is no access_token')
  const { access_token: value, expires_in: seconds } = answer
  return { value, seconds: typeof seconds === 'number' ? seconds : DEFAULT_S }
}

function refused(problem: string): Refusal {
  return new Refusal(`no access token was had: ${problem}`, { code: 'CONNECTOR_AUTH', effect: 'none' })
}
