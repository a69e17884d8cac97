// What the two sides of a new sandbox have agreed on; constants and shapes only, loaded inside and outside.

/** Variable that carries {@link Inside} in; removed before the program starts. */
export const VARIABLE = 'CLONED_INSIDE'
/** Where the proof is written. */
export const PROOF_FD = 4
/** Exit code of a sandbox that could be left. */
export const ESCAPED = 86
/** Where the HTTP proxy of a program listens. */
export const PROXY_PORT = 3128

/** What the inside has to know. Nothing in it is a secret. */
export interface Inside {
  readonly nonce: string
  /** Namespaces of the host by name, as `/proc/self/ns` shows them. */
  readonly host: Readonly<Record<string, string>>
  /** What may stand in `/`. */
  readonly root: readonly string[]
  /** Variables that may be set. */
  readonly environment: readonly string[]
  /** Directories that must not be written. */
  readonly sealed: readonly string[]
  /** What must be empty. */
  readonly hidden: readonly string[]
  /** Whether a listener has to be handed over. */
  readonly listen: boolean
}

/** One line: what the inside found. */
export interface Proof {
  readonly nonce: string
  /** Every way out; empty when there is none. */
  readonly escaped: readonly string[]
}
