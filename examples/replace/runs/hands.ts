// Holds the runs that this process carries: each in one hand among all processes, by a lock that the system takes from the dead.
import { ClonedError, tryFileLock } from 'cloned/kernel'
import { type ActiveRuns, errorOf, type Node, type RunState, type StoredRun } from 'cloned/plugins/runs'
import type { Rows } from './rows.js'

/** A run in hand. The hand alone changes it. */
export interface Hand {
  /** Aborts when the call in hand has to stop. */
  readonly signal: AbortSignal
  readonly run: StoredRun
  /** Nothing more is begun: it was paused or cancelled, or the process ends. */
  readonly stopped: boolean
  node(path: string): Node | undefined
  /** Durable when it resolves. */
  put(node: Node): Promise<void>
}

/** How a walk ended. */
export type Walked =
  | { readonly to: 'waiting' | 'left' }
  | (Pick<StoredRun, 'output'> & { readonly to: 'done' })
  | (Pick<StoredRun, 'error'> & { readonly to: 'failed' })

export interface HandsParts {
  readonly rows: Rows
  readonly active: ActiveRuns
  readonly lockFile: (run: string) => string
  readonly walk: (run: StoredRun, hand: Hand) => Promise<Walked>
  readonly failed: (run: string, error: unknown) => void
}

type Watcher = (run: StoredRun) => void

export class Hands {
  readonly #parts: HandsParts
  readonly #held = new Map<string, { readonly stop: AbortController; readonly over: Promise<void> }>()
  readonly #watchers = new Map<string, Set<Watcher>>()
  #leaving = false

  constructor(parts: HandsParts) {
    this.#parts = parts
  }

  /** Resolves when the run is in no hand of this process any more. */
  carry(id: string): Promise<void> {
    const held = this.#held.get(id)
    if (held || this.#leaving) return held?.over ?? Promise.resolve()
    const stop = new AbortController()
    const over = this.#carry(id, stop)
      .catch((error: unknown) => this.#parts.failed(id, error))
      .finally(() => this.#held.delete(id))
    this.#held.set(id, { stop, over })
    return over
  }

  /** Tells the call in hand to stop. */
  interrupt(id: string): void {
    this.#held.get(id)?.stop.abort()
  }

  /** Calls back whenever the run has changed, until the returned function is called. */
  watch(id: string, changed: Watcher): () => void {
    const watchers = this.#watchers.get(id) ?? new Set()
    this.#watchers.set(id, watchers.add(changed))
    return () => watchers.delete(changed)
  }

  /** Stops the calls in hand; what has no end then is looked into by whoever resumes the run. */
  async leave(): Promise<void> {
    this.#leaving = true
    const held = [...this.#held.values()]
    for (const { stop } of held) stop.abort()
    await Promise.all(held.map(({ over }) => over))
  }

  async #carry(id: string, stop: AbortController): Promise<void> {
    const { rows, lockFile, active, walk } = this.#parts
    const lock = tryFileLock(lockFile(id))
    // Another process has it.
    if (!lock) return
    try {
      const stored = await rows.load(id)
      if (stored?.state !== 'running' && stored?.state !== 'waiting') return
      let run = stored
      let state: RunState = stored.state
      const put = async (...nodes: readonly Node[]) => {
        run = { ...run, nodes: new Map([...run.nodes, ...nodes.map((node) => [node.path, node] as const)]) }
        state = await rows.save(run)
        for (const changed of this.#watchers.get(id) ?? []) changed(run)
      }
      const hands = this
      const hand: Hand = {
        signal: stop.signal,
        get run() {
          return run
        },
        get stopped() {
          return stop.signal.aborted || hands.#leaving || (state !== 'running' && state !== 'waiting')
        },
        node: (path) => run.nodes.get(path),
        put: (node) => put(node),
      }
      const leave = active.enter({ id, pipeline: run.definition, inputs: run.inputs })
      try {
        await put(...interrupted(run))
        await rows.move(id, ['waiting'], 'running')
        const end = await walk(run, hand)
        await this.#end(run, end)
      } finally {
        leave()
      }
    } finally {
      lock.release()
    }
  }

  async #end(run: StoredRun, { to, ...what }: Walked): Promise<void> {
    const { rows } = this.#parts
    if (to === 'left') return
    if (to === 'waiting') return void (await rows.move(run.id, ['running'], 'waiting'))
    await rows.move(run.id, ['running'], to, { ...run, ...what, endedAt: rows.now() })
  }
}

/** Calls that were under way when a process died: what became of them nobody knows, so they are not made again unasked. */
function interrupted({ id, nodes }: StoredRun): readonly Node[] {
  return [...nodes.values()]
    .filter(({ state, attempts }) => state === 'running' && attempts > 0)
    .map((node) => {
      const error = new ClonedError('RUN_STEP_INDETERMINATE', { step: node.path, tool: 'a tool', run: id })
      return { ...node, state: 'indeterminate', error: { ...errorOf(error), effect: 'unknown' } }
    })
}
