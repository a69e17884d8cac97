// What the two sides of a new sandbox have agreed on; constants and shapes only, loaded inside and outside.

/** Variable that carries {@link Inside} in; removed before the program starts. */
export const VARIABLE = 'CLONED_INSIDE'
/** Where the proof is written. */
export const PROOF_FD = 4
/** Exit code of a sandbox that could be left. */
export const ESCAPED = 86

/** What the inside has to know. Nothing in it is a secret. */
export interface Inside {
  readonly nonce: string
  /** A file of the host that must be out of reach. */
  readonly canary: string
  readonly home: string
  /** Process id of the host. */
  readonly host: number
  /** Variables that may be set. */
  readonly environment: readonly string[]
  /** Locations of the modules that a program shares with the host, by specifier. */
  readonly modules: Readonly<Record<string, string>>
}

/** One line: what the inside found. */
export interface Proof {
  readonly nonce: string
  /** Every way out; empty when there is none. */
  readonly escaped: readonly string[]
}
