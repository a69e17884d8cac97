// Bounds how many calls to one connector this process has under way; a call that waits for its turn has not begun.

/** Where calls wait for their turn. */
export class Lanes {
  readonly #limit: number
  readonly #under = new Map<string, { busy: number; readonly queue: (() => void)[] }>()

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Runs `work` when it is its turn, or answers `instead` when `signal` aborts before. */
  async within<T>(tool: string, signal: AbortSignal, instead: T, work: () => Promise<T>): Promise<T> {
    const id = connectorOf(tool)
    const lane = this.#under.get(id) ?? { busy: 0, queue: [] }
    this.#under.set(id, lane)
    if (lane.busy < this.#limit) lane.busy++
    else if (!(await turn(lane.queue, signal))) return instead
    try {
      return await work()
    } finally {
      // The place goes from hand to hand, so that nobody slips in between.
      const next = lane.queue.shift()
      if (next) next()
      else if (--lane.busy === 0) this.#under.delete(id)
    }
  }
}

/** The connector of a tool, or whatever else brings the tools of this name: its id without the last word. */
function connectorOf(tool: string): string {
  return tool.slice(0, tool.lastIndexOf('.'))
}

function turn(queue: (() => void)[], signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const mine = () => end(true)
    const stop = () => end(false)
    const end = (its: boolean) => {
      signal.removeEventListener('abort', stop)
      const at = queue.indexOf(mine)
      if (at >= 0) queue.splice(at, 1)
      resolve(its)
    }
    if (signal.aborted) return resolve(false)
    signal.addEventListener('abort', stop, { once: true })
    queue.push(mine)
  })
}
