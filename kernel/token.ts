// Names services and lists by typed tokens; a token carries a type and must never carry more behaviour than its adapter.
import type { AdapterOf } from './adapter.js'

/** What a token says besides its id. */
export interface TokenOptions<T> {
  /** A positive integer, raised by breaking changes. */
  readonly contract: number
  /** Keeps plugins that were built for the contract before working: of a slot the service, of a collection an item. */
  readonly previous?: AdapterOf<T>
  /** What to use instead. Whoever uses the token gets one warning. */
  readonly deprecated?: string
}

/**
 * A typed name of a service that exactly one plugin owns.
 * Two tokens are the same slot when their `id` is equal. Contracts one apart work together when the newer token has an
 * adapter; any other difference is skew and is named in the error.
 * `T` exists for the compiler only and is never set.
 */
export interface Slot<T, Id extends string = string> extends TokenOptions<T> {
  readonly kind: 'slot'
  readonly id: Id
  readonly T?: T
}

/** A typed name of a list that many plugins add to and one plugin (its owner) reads. */
export interface Collection<T, Id extends string = string> extends TokenOptions<T> {
  readonly kind: 'collection'
  readonly id: Id
  readonly T?: T
}

/** A requirement that may be absent: its value in `deps` is `undefined` when nobody provides the slot. */
export interface OptionalSlot<T, Id extends string = string> {
  readonly kind: 'optional'
  readonly slot: Slot<T, Id>
}

/** What a plugin may put under `requires`. */
// biome-ignore lint/suspicious/noExplicitAny: `any` lets a record of tokens of different types be inferred member by member
export type Requirement = Slot<any> | OptionalSlot<any>

/** What the owner of a collection reads: an item and the plugin that contributed it. */
export interface Contribution<T> {
  readonly plugin: string
  readonly item: T
}

/** Names a service. `id` is dotted lower case: `acme.kms`. */
export function slot<T, Id extends string = string>(id: Id, options: TokenOptions<T>): Slot<T, Id> {
  return Object.freeze({ kind: 'slot' as const, id, ...options })
}

/** Names a list. `id` as in {@link slot}. */
export function collection<T, Id extends string = string>(id: Id, options: TokenOptions<T>): Collection<T, Id> {
  return Object.freeze({ kind: 'collection' as const, id, ...options })
}

/** Marks a requirement that may be absent. */
export function optional<T, Id extends string>(wanted: Slot<T, Id>): OptionalSlot<T, Id> {
  return Object.freeze({ kind: 'optional' as const, slot: wanted })
}

/** The slot behind a requirement, and whether it may be absent. */
export function requirement(need: Requirement): { slot: Slot<unknown>; optional: boolean } {
  return need.kind === 'optional' ? { slot: need.slot, optional: true } : { slot: need, optional: false }
}
