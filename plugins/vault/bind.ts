// Puts a resolved secret into the one place it was resolved for; any doubt throws, and nothing is ever sent without it.
import { ClonedError } from 'cloned/kernel'
import { encodeFor } from './encode.js'
import { hostMatches, isLoopback } from './host.js'
import { scopeRefusal, slotName } from './scope.js'
import type { Secret, SecretContext, SecretInfo, SecretUse } from './slot.js'

/** For what each secret was given out. A secret that is not in here was made by somebody else. */
export class Grants {
  readonly #granted = new WeakMap<Secret, { readonly info: SecretInfo; readonly context: SecretContext }>()
  readonly #now: () => number
  readonly #plaintextLoopback: boolean

  constructor({ now, plaintextLoopback }: { now: () => number; plaintextLoopback: boolean }) {
    this.#now = now
    this.#plaintextLoopback = plaintextLoopback
  }

  grant(secret: Secret, info: SecretInfo, context: SecretContext): void {
    this.#granted.set(secret, { info, context })
  }

  bind(secret: Secret, use: SecretUse): string {
    const unbound = (problem: string) =>
      new ClonedError('SECRET_UNBOUND', { name: String(secret), slot: use.slot, host: use.host, problem })
    const granted = this.#granted.get(secret)
    if (!granted) throw unbound('it was not resolved here')
    const problem = this.#refusal(granted.info, granted.context, use)
    if (problem) throw unbound(problem)
    const encoded = encodeFor(use.slot, secret.reveal())
    if ('problem' in encoded) throw unbound(encoded.problem)
    return encoded.text
  }

  #refusal(info: SecretInfo, context: SecretContext, use: SecretUse): string | undefined {
    if (use.tool !== context.tool || use.host !== context.host || slotName(use.slot) !== slotName(context.slot)) {
      return `it was resolved for ${context.slot} of ${context.host} in ${context.tool}`
    }
    if (use.https !== true && !(this.#plaintextLoopback && isLoopback(use.host))) return 'the connection is not TLS'
    if (!hostMatches(use.egress, use.host)) return 'the tool does not declare this host'
    return scopeRefusal(info, use, this.#now())
  }
}
