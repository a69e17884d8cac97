// What a host gives a kernel and may ask of it; nothing is decided here.
import type { Gate } from './contracts.js'
import type { Json } from './json.js'
import type { Logger } from './plugin.js'
import type { Recovered } from './recover.js'
import type { Slot } from './token.js'

/** What a host gives a kernel at run time. It can tune and leave out plugins that are listed; it can never add code. */
export interface KernelRuntime {
  /** Configuration by plugin id; wins over `use()`. */
  readonly config?: Readonly<Record<string, Json>>
  /** Ids of listed plugins to leave out; never one whose guard is required. */
  readonly off?: readonly string[]
  /** Milliseconds since 1970. Default: the system's clock. */
  readonly now?: () => number
  /** Where diagnostics go. Default: warnings and errors to standard error. */
  readonly log?: (plugin: string) => Logger
  /** Name of the operating-system user. Default: asked from the system. */
  readonly osUser?: string
}

/** Where in its life a kernel is; it goes one way. */
export type KernelState = 'planned' | 'starting' | 'started' | 'stopping' | 'stopped'

/** A kernel. Two kernels in one process share nothing. */
export interface Kernel extends Gate {
  readonly state: KernelState
  /** Id of this instance in the audit log; empty before start. */
  readonly instance: string
  /** What recovery found when this kernel started. */
  readonly recovered: readonly Recovered[]
  /** Starts every plugin, recovers what dead instances left, then reports ready. On failure everything is unwound. */
  start(): Promise<void>
  /** Drains and stops every plugin in reverse. Legal without start, and twice. Throws `STOP_FAILED` at the end. */
  stop(): Promise<void>
  /** The service of a slot, for the host. Throws `SLOT_MISSING`. */
  service<T>(slot: Slot<T>): T
  [Symbol.asyncDispose](): Promise<void>
}
