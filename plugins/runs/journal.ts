// Keeps what a hand knows of the run it holds and writes every change down; once the run is to stop, nothing may begin.
import type { Hand } from './hands.js'
import type { Held, Ledger } from './ledger.js'
import type { RunState } from './slot.js'
import type { Node, StoredRun } from './tables.js'

/** The steps of a run in hand. */
export class Journal {
  readonly run: StoredRun
  readonly hand: Hand
  readonly now: () => number
  readonly #ledger: Pick<Ledger, 'write' | 'glance' | 'sync'>
  readonly #held: Held
  readonly #nodes: Map<string, Node>
  #state: RunState = 'running'
  #fault: { readonly error: unknown } | undefined
  /** A step waits for a person. */
  waits = false
  /** The first moment at which a step is to be tried again. */
  wakeAt: number | undefined
  /** A call was given up whose effect is not known: the log has to be asked before anything of it is repeated. */
  unsettled = false

  constructor(
    run: StoredRun,
    held: Held,
    parts: { ledger: Pick<Ledger, 'write' | 'glance' | 'sync'>; hand: Hand; now: () => number },
  ) {
    this.run = run
    this.hand = parts.hand
    this.now = parts.now
    this.#ledger = parts.ledger
    this.#held = held
    this.#nodes = new Map(run.nodes)
  }

  /** Somebody has paused or cancelled the run, or the process stops. */
  get stopped(): boolean {
    return this.hand.leaving() || this.hand.signal.aborted || this.#state !== 'running'
  }

  /** Whether somebody has cancelled the run, of which a process that stops may not have heard yet. */
  async isCancelled(): Promise<boolean> {
    if (this.#state === 'cancelled') return true
    return (await this.#ledger.glance(this.run.id))?.state === 'cancelled'
  }

  node(path: string): Node {
    return this.#nodes.get(path) ?? { path, state: 'pending', calls: [], attempts: 0, startedAt: this.now() }
  }

  /** How many steps and items have begun. */
  get size(): number {
    return this.#nodes.size
  }

  has(path: string): boolean {
    return this.#nodes.has(path)
  }

  /** Resolves when it survives a power cut, or with `durable: false` when every process sees it. */
  async put(node: Node, options?: { readonly durable?: boolean }): Promise<void> {
    this.#nodes.set(node.path, node)
    this.#state = await this.#ledger.write(this.#held, [node], options)
  }

  /**
   * Resolves when every process sees it, and goes on to make it survive a power cut; a failure of that is thrown by the next
   * write. For what is done: its call is in the log with its key.
   */
  async putDone(node: Node): Promise<void> {
    if (this.#fault) throw this.#fault.error
    await this.put(node, { durable: false })
    this.#ledger.sync().catch((error: unknown) => {
      this.#fault = { error }
    })
  }

  async putAll(nodes: readonly Node[]): Promise<void> {
    if (nodes.length === 0) return
    for (const node of nodes) this.#nodes.set(node.path, node)
    this.#state = await this.#ledger.write(this.#held, nodes)
  }

  sleepUntil(at: number): void {
    this.wakeAt = Math.min(this.wakeAt ?? at, at)
  }
}
