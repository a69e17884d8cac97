// Puts wakes together over whatever store keeps their table; must never forget one before its handler is done with it.
import { type Logger, membersOf } from 'cloned/kernel'
import { Dispatcher } from './dispatcher.js'
import type { Statement, Store, Wake } from './slot.js'
import { putWake, WAKES_STEPS, Wakes } from './wakes.js'

/** What wakes are kept and handled with. */
export interface WakeParts {
  /** Runs the statements on the table of wakes; SQLite. */
  readonly store: Pick<Store, 'all' | 'write'>
  /** A directory of its own: each process that handles wakes has a lock file there. Asked for when one is handled. */
  readonly directory: () => string
  readonly now: () => number
  readonly log?: Pick<Logger, 'error'> | undefined
}

/** The half of {@link Store} that is about wakes. */
export interface WakeWork {
  /** What makes the table, for `migrate` before anything else. */
  readonly steps: readonly (readonly string[])[]
  /** What writes wakes: to be committed with the batch that they belong to. */
  put(wakes: readonly Wake[]): readonly Statement[]
  /** They are committed: those with a handler here are handled without further ado. */
  notice(wakes: readonly Wake[]): void
  /** As {@link Store.work}. */
  work: Store['work']
  /** As {@link Store.drainWork}. */
  drainWork(): Promise<void>
  /** Handlers are told to stop and get 3 s. Legal at any time, and twice. */
  stop(): Promise<void>
}

/** Does no input or output until something is asked of it. */
export function createWakes({ store, directory, now, log }: WakeParts): WakeWork {
  const members = membersOf(directory)
  const dispatcher = new Dispatcher({ wakes: new Wakes(store, now, members), members, now, log })
  return {
    steps: WAKES_STEPS,
    put: (wakes) => wakes.map((wake) => putWake(wake, now())),
    notice: (wakes) => dispatcher.notice(wakes),
    work: (queue, handler) => dispatcher.register(queue, handler),
    drainWork: () => dispatcher.drain(),
    stop: () => dispatcher.stop(),
  }
}
