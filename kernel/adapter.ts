// Bridges a contract and the one before it, by the adapter that stands beside the newer token; must never bridge more.

/**
 * What keeps the contract before usable, stated beside the token of the newer one. Both ways must answer at once, keep
 * nothing between calls, and never throw.
 */
export interface Adapter<Now, Before> {
  /** Makes of something built for the contract before what this contract promises. */
  up(before: Before): Now
  /** Makes of something built for this contract what the contract before promised. */
  down(now: Now): Before
}

// biome-ignore lint/suspicious/noExplicitAny: what the contract before promised is known to its adapter alone
export type AdapterOf<T> = Adapter<T, any>

/** What of a token its compatibility depends on. */
export interface Contracted {
  readonly contract: number
  readonly previous?: AdapterOf<unknown>
}

/** Whether what was built for one of the two can work with what was built for the other. */
export function fits(one: Versioned, other: Versioned): boolean {
  if (one.contract === other.contract) return true
  const newer = one.contract > other.contract ? one : other
  return Math.abs(one.contract - other.contract) === 1 && newer.previous !== undefined
}

interface Versioned {
  readonly contract: number
  readonly previous?: unknown
}

/** The same thing for who was built for `to`. The two must fit. */
export function adapt(value: unknown, from: Contracted, to: Contracted): unknown {
  if (from.contract === to.contract) return value
  return from.contract < to.contract ? to.previous?.up(value) : from.previous?.down(value)
}
