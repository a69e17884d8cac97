// Gives out secrets, for one use each; whoever may not have one must never learn why, nor whether it exists.
import { ClonedError, type Logger, type SecretUseSubject } from 'cloned/kernel'
import type { Grants } from './bind.js'
import { isSecretName, scopeRefusal } from './scope.js'
import { type Holder, makeSecret, wipe } from './secret.js'
import type { OpenProvider, Secret, SecretContext, SecretInfo, SecretListener } from './slot.js'

export interface ResolveParts {
  readonly provider: () => Promise<OpenedProvider>
  readonly listeners: () => readonly SecretListener[]
  readonly grants: Grants
  readonly workspace: () => string
  readonly log: Pick<Logger, 'info'>
  readonly now: () => number
}

/** The provider in use, and where its secrets may go. */
export interface OpenedProvider {
  readonly name: string
  readonly provider: OpenProvider
  /** From the provider, or from the workspace's configuration where the provider keeps no scopes. */
  info(secret: string): Promise<SecretInfo | undefined>
}

interface Cached {
  readonly info: SecretInfo
  readonly version: string
  readonly holder: Holder
  readonly until: number
}

const LIFE_MS = 60_000
/** How long a change by another process may stay unseen. */
const STAMP_MS = 100

/** Resolves and remembers. `close` wipes what is remembered, whoever holds a secret of it. */
export class Resolver {
  readonly #parts: ResolveParts
  readonly #cache = new Map<string, Cached>()
  #stamp: string | undefined
  #stampedAt = Number.NEGATIVE_INFINITY

  constructor(parts: ResolveParts) {
    this.#parts = parts
  }

  async resolve(name: string, context: SecretContext): Promise<Secret> {
    const { grants, log } = this.#parts
    const refused = await this.#refusal(name, context)
    if (typeof refused === 'string') {
      log.info('a secret was not given out', { secret: String(name).slice(0, 64), why: refused, call: context.callId })
      throw new ClonedError('SECRET_DENIED', { name: String(name).slice(0, 64) })
    }
    const { info, version, holder } = refused
    const secret = makeSecret(name, version, holder)
    grants.grant(secret, info, context)
    return secret
  }

  /** Asks the provider anew from now on: this process has changed something. */
  forget(): void {
    this.#cache.clear()
  }

  close(): void {
    for (const { holder } of this.#cache.values()) wipe(holder)
    this.#cache.clear()
  }

  async #refusal(name: string, context: SecretContext): Promise<Cached | string> {
    const { provider, workspace, now } = this.#parts
    const opened = await provider()
    if (context.workspace !== workspace()) return `it is asked for by workspace ${String(context.workspace)}`
    if (!isSecretName(name)) return 'that is no name'
    this.#refresh(opened.provider)
    const cached = this.#fresh(name)
    const info = cached?.info ?? (await opened.info(name))
    if (!info) return 'there is none of that name'
    const outside = scopeRefusal(info, context, now())
    if (outside !== undefined) return outside
    const denied = await this.#guards(name, context)
    if (denied !== undefined) return denied
    return cached ?? (await this.#fetch(opened, info, context))
  }

  /** Whatever is not a clear yes is a no. */
  async #guards(secret: string, { host, slot, check }: SecretContext): Promise<string | undefined> {
    const subject: SecretUseSubject = { secret, host, slot }
    const answer = await check(subject)
    if (answer?.allowed === true) return undefined
    return `the guards deny it: ${answer?.allowed === false ? answer.reason : 'no answer'}`
  }

  async #fetch({ name, provider }: OpenedProvider, info: SecretInfo, context: SecretContext): Promise<Cached | string> {
    const { check: _, ...about } = context
    let provided: Awaited<ReturnType<OpenProvider['resolve']>>
    try {
      provided = await provider.resolve(info.name, about)
    } catch (cause) {
      if (cause instanceof ClonedError) throw cause
      throw failed(name, cause)
    }
    if (!provided) return 'the provider has none of that name'
    const holder: Holder = { value: provided.value, wiped: false }
    const until = provided.until ?? this.#parts.now() + LIFE_MS
    const cached: Cached = { info, version: provided.version, holder, until }
    const secret = makeSecret(info.name, provided.version, holder)
    // Before anybody else has it: a value that the scrubber does not know would leave unseen.
    for (const listener of this.#parts.listeners()) listener.resolved(secret)
    if (until > this.#parts.now()) this.#cache.set(info.name, cached)
    return cached
  }

  #fresh(name: string): Cached | undefined {
    const cached = this.#cache.get(name)
    if (!cached || cached.until > this.#parts.now()) return cached
    this.#cache.delete(name)
    return undefined
  }

  #refresh(provider: OpenProvider): void {
    if (!provider.stamp) return
    const now = this.#parts.now()
    // A clock that was set back must not keep an old answer alive.
    if (now >= this.#stampedAt && now - this.#stampedAt < STAMP_MS) return
    const stamp = provider.stamp()
    this.#stampedAt = now
    if (stamp !== this.#stamp) this.#cache.clear()
    this.#stamp = stamp
  }
}

/** The cause's own text stays out: it may quote what the provider was told. */
function failed(provider: string, cause: unknown): ClonedError {
  const problem = cause instanceof Error ? cause.name : 'it threw something'
  return new ClonedError('VAULT_PROVIDER_FAILED', { provider, problem }, { cause })
}
