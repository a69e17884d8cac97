// Puts credentials into the requests of a tool: only those that its manifest declares, and only for the hosts named there.
import { declares, hostOf } from 'cloned/connector'
import { beforeSecretUse } from 'cloned/kernel'
import type { BindRequest, BindSecret, FetchInit, SecretSlot } from '../firewall/slot.js'
import type { AuthSlot } from '../package/slot.js'
import type { SecretContext } from '../vault/slot.js'
import { type CredentialCall, type CredentialParts, decoded, type ResolveSecret, refusal } from './credential.js'
import { signedToken } from './jwt.js'
import { AccessTokens } from './oauth.js'

export class Credentials {
  readonly #parts: CredentialParts
  readonly #tokens: AccessTokens

  constructor(parts: CredentialParts) {
    this.#parts = parts
    this.#tokens = new AccessTokens(parts)
  }

  /** What to give to the firewall for these auth slots. Throws a {@link Refusal} for one that the tool does not have. */
  forRequest(call: CredentialCall, names: readonly string[]): Pick<FetchInit, 'secrets' | 'bind'> {
    if (names.length === 0) return {}
    const slots = new Map<SecretSlot, AuthSlot>()
    for (const name of names) {
      const auth = call.tool.auth.find((each) => each.name === name)
      if (!auth) throw refusal(`the tool ${call.tool.id} has no auth slot "${name}"`)
      slots.set(placeOf(auth, this.#parts.secretName(call.connector, auth.secret)), auth)
    }
    const bind: BindSecret = async (slot, request) => {
      const auth = slots.get(slot)
      if (!auth) throw refusal('there is no such slot')
      const host = hostOf(request.url)
      if (!declares(auth.hosts, host)) throw refusal(`the auth slot "${auth.name}" is not for ${host}`)
      const value = await this.#value(call, auth, slot.secret, request)
      return auth.format === undefined ? value : auth.format.replace('{secret}', () => value)
    }
    return { secrets: [...slots.keys()], bind }
  }

  async #value(call: CredentialCall, auth: AuthSlot, name: string, request: BindRequest): Promise<string> {
    const host = hostOf(request.url)
    if (auth.kind === 'oauth_refresh') return await this.#tokens.token(call, auth, name, this.#resolver(call))
    const secret = await this.#resolver(call)(name, host, auth.place)
    const use = { tool: call.toolId, host, slot: auth.place, https: isTls(request.url), egress: call.tool.egress_hosts }
    if (auth.kind === 'jwt') {
      // The key itself goes nowhere; what is made of it goes where the key's scope says that it may.
      if (!use.https) throw refusal('a signed token is not sent without TLS')
      return this.#derived(name, signedToken(secret.reveal(), auth.options ?? {}, this.#parts.now()))
    }
    const text = decoded(auth.place, this.#parts.vault.bind(secret, use))
    if (auth.kind === 'static') return text
    return this.#derived(name, `Basic ${Buffer.from(text).toString('base64')}`)
  }

  /** From here on it is kept from leaving like the secret that it was made of. */
  #derived(name: string, value: string): string {
    this.#parts.scrubber?.register(`${name}.derived`, Buffer.from(value.replace(/^Basic /, '')))
    return value
  }

  #resolver({ ctx, toolId: tool }: CredentialCall): ResolveSecret {
    const { vault, workspace } = this.#parts
    return (name, host, slot) => {
      const check: SecretContext['check'] = (subject) => ctx.check(beforeSecretUse, subject)
      return vault.resolve(name, { tool, host, slot, callId: ctx.callId, workspace: workspace(), check })
    }
  }
}

/** Where the firewall puts it. A format is text around the whole value, so it is put in as the value. */
function placeOf({ place }: AuthSlot, secret: string): SecretSlot {
  const [kind, name = ''] = [place.slice(0, place.indexOf(':')), place.slice(place.indexOf(':') + 1)]
  if (kind === 'header' || kind === 'query') return { secret, in: kind, name }
  if (kind === 'form') return { secret, in: 'body', name }
  if (kind === 'json' && /^\/[^/~]+$/.test(name)) return { secret, in: 'body', name: name.slice(1) }
  throw refusal(`credentials cannot be put into ${place}`)
}

function isTls(url: string): boolean {
  return url.startsWith('https:')
}
