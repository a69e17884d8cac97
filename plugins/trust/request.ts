// Asks the gate to change the trust store, for commands and routes alike; a change is one document or one entry, never a path.
import type { ActorInput, Gate, Json, Outcome } from 'cloned/kernel'
import { parseDocument, type RevocationEntry } from './documents.js'
import { type TrustChange, type TrustChanged, trustWrite } from './kind.js'
import { staleness } from './revoked.js'
import type { TrustMode } from './slot.js'
import type { TrustState } from './state.js'

/** Who asks, and how. The context of a command is one. */
export interface Asking {
  readonly actor: ActorInput | undefined
  readonly dryRun: boolean
  readonly signal: AbortSignal
}

/** `target` is what it is about, `title` one line for people. */
export interface Wish {
  readonly change: TrustChange
  readonly target: string
  readonly title: string
}

export function askForChange(
  gate: Pick<Gate, 'act'>,
  { actor, dryRun, signal }: Asking,
  { change, target, title }: Wish,
): Promise<Outcome<TrustChanged>> {
  const request = { target, input: change as unknown as Json, about: { title } }
  return gate.act(trustWrite, actor === undefined ? request : { ...request, actor }, { dryRun, signal })
}

/** A publisher's document, new or newer. `where` names it in errors. Throws `TRUST_REFUSED`. */
export function publisherWish(content: string, signature: string | undefined, where: string, verb = 'Trust'): Wish {
  const { publisher_id: id } = parseDocument('publisher', content, where)
  const change = { op: 'publisher.put', content, ...(signature === undefined ? {} : { signature }) } as const
  return { change, target: id, title: `${verb} publisher ${id}` }
}

export function removalWish(id: string): Wish {
  return { change: { op: 'publisher.remove', id }, target: id, title: `Trust publisher ${id} no longer` }
}

/** `since`: what was installed before it stays. */
export function revocationWish(
  entry: Omit<RevocationEntry, 'revoked_at' | 'effective' | 'compromised_at'>,
  since: number | undefined,
): Wish {
  const when =
    since === undefined
      ? ({ effective: 'always' } as const)
      : ({ effective: 'after', compromised_at: new Date(since).toISOString() } as const)
  const what = entry.kid ?? entry.publisher_id ?? entry.digest ?? entry.id ?? ''
  const range = entry.range === undefined ? '' : `@${entry.range}`
  return {
    change: { op: 'revoke', entry: { ...entry, ...when } },
    target: what,
    title: `Revoke ${entry.kind} ${what}${range}`,
  }
}

export function signedRevocationsWish(content: string, signature: string): Wish {
  return {
    change: { op: 'revocations.put', content, signature },
    target: 'revocations',
    title: 'Take signed revocations',
  }
}

/** What may be asked of the root. */
export type RootWish =
  | { readonly mode: TrustMode }
  | { readonly rotate: true }
  | { readonly renew: true }
  | { readonly content: string; readonly signature: string; readonly where: string }

export function rootWish(wish: RootWish): Wish {
  const target = 'root'
  if ('mode' in wish) {
    const { mode } = wish
    return { change: { op: 'root.mode', mode }, target, title: `Set the trust mode to ${mode}` }
  }
  if ('rotate' in wish) return { change: { op: 'root.rotate' }, target, title: 'Give the root of trust a new key' }
  if ('renew' in wish) return { change: { op: 'revocations.renew' }, target, title: 'Renew the revocations' }
  const { content, signature, where } = wish
  return { change: { op: 'root.put', content, signature }, target, title: `Take the root of trust in ${where}` }
}

/** Everything in force, for machines; `problem` says why it cannot be relied on. */
export function trustJson(state: TrustState, drifted: string | undefined, now: number) {
  const { root, revocations, publishers } = state
  return {
    root: root ?? null,
    publishers: [...publishers.values()],
    revocations: revocations ?? null,
    problem: root ? (staleness(state, drifted, now) ?? null) : null,
  } as unknown as Json
}
