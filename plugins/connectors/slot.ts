// Names the list of connectors that run without being installed, from source; interface and token only.
import { slot } from 'cloned/kernel'
import type { ConnectorManifest } from '../package/slot.js'

/** A connector that runs from source. Nobody has signed it. */
export interface DevelopedConnector {
  readonly directory: string
  readonly manifest: ConnectorManifest
}

/** A running program that answers calls. */
export interface Supervised {
  /** Resolves with what was wrong, or nothing when it was told to end. */
  readonly ended: Promise<string | undefined>
  /** Tells it to end, and ends it when it does not. */
  stop(): Promise<void>
  /** Ends it at once, for the named reason. */
  kill(problem?: string): void
}

/** A call, as far as whoever keeps the program must know it. */
export interface SupervisedCall {
  readonly signal: AbortSignal
}

export interface SupervisorParts<W extends Supervised, C extends SupervisedCall> {
  readonly connector: string
  /** Starts a program that can be called. `call` is the one that needs it. */
  readonly start: (call: C) => Promise<W>
  /** Whether a running program may get a call, too; one that may not is ended, and another one started. */
  readonly mayGoOn: (worker: W) => boolean | Promise<boolean>
  /** The same of a program that is at work: a call may take longer than what it was judged by holds. */
  readonly mayStillRun: (worker: W) => boolean | Promise<boolean>
  readonly now: () => number
  /** Without a call for so many milliseconds, it is ended. */
  readonly idleMs: number
  /** Calls that run at once; more wait. */
  readonly concurrency: number
}

/** Keeps one program: started by the first call, ended when idle, started again after a crash, ever later. */
export interface Supervising<W extends Supervised, C extends SupervisedCall> {
  readonly alive: boolean
  /** Rejects with what the work rejects with; where no program got the call, with a `HandlerError` of effect `none`. */
  run<T>(call: C, work: (worker: W) => Promise<T>): Promise<T>
  /** Ends the program. Whatever runs on it fails, and nothing runs any more. */
  stop(): Promise<void>
}

export interface Connectors {
  /**
   * Offers the tools of an unsigned connector in this process until it is called again for the directory, or the kernel
   * stops. Throws `CONNECTOR_DEV` in a workspace whose root of trust is strict.
   */
  develop(directory: string): Promise<DevelopedConnector>
  /** Running workers by connector id. */
  running(): readonly string[]
  /** Keeps a program that another plugin starts, in the way that connectors are kept. */
  supervise<W extends Supervised, C extends SupervisedCall>(parts: SupervisorParts<W, C>): Supervising<W, C>
}

export const connectorsSlot = slot<Connectors>('cloned.connectors', { contract: 1 })
