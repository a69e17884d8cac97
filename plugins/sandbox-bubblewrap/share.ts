// Watches what a confined program and all that it started take of the machine; more than their share ends them, nothing else does.
import { readdirSync, readFileSync } from 'node:fs'
import { describeThrown } from 'cloned/kernel'

/** What all processes of one program may take together. */
export interface Share {
  /** Processes and their threads. */
  readonly tasks: number
  /** Memory that is not that of files. What several processes share counts for each of them. */
  readonly bytes: number
}

const EVERY_MS = 250

/**
 * Looks at a process and its descendants several times a second, and calls `over` once with why. Limits of the kernel
 * are for one process, for all of a user or, as control groups, not everybody's to make. Answers how to stop.
 */
export function watchShare(pid: number | undefined, share: Share, over: (problem: string) => void): () => void {
  if (pid === undefined) return () => undefined
  const timer = setInterval(() => {
    const problem = judged(pid, share)
    if (problem === undefined) return
    clearInterval(timer)
    over(problem)
  }, EVERY_MS)
  timer.unref()
  return () => clearInterval(timer)
}

/** A program that cannot be looked at is one that takes too much. */
function judged(pid: number, share: Share): string | undefined {
  try {
    return excess(pid, share)
  } catch (error) {
    return `what it takes of the machine cannot be seen: ${describeThrown(error)}`
  }
}

function excess(root: number, share: Share): string | undefined {
  let [tasks, bytes] = [0, 0]
  const left = [`${root}`]
  // Orphans go to the first process in the sandbox, so that nothing leaves this tree. It may grow while it is read.
  for (let pid = left.pop(); pid !== undefined; pid = left.pop()) {
    bytes += memoryOf(pid)
    for (const task of listed(`/proc/${pid}/task`)) {
      tasks++
      left.push(...(read(`/proc/${pid}/task/${task}/children`).match(/\d+/g) ?? []))
    }
    if (tasks > share.tasks) return `it had more than ${share.tasks} processes and threads`
    if (bytes > share.bytes) return `it took more than ${Math.round(share.bytes / 1024 / 1024)} MiB of memory`
  }
  return undefined
}

/** Anonymous and shared pages, and those that were swapped out. */
function memoryOf(pid: string): number {
  let kib = 0
  for (const [, size] of read(`/proc/${pid}/status`).matchAll(/^(?:RssAnon|RssShmem|VmSwap):\s+(\d+) kB$/gm)) {
    kib += Number(size)
  }
  return kib * 1024
}

function listed(path: string): string[] {
  return unlessGone(() => readdirSync(path), [])
}

function read(path: string): string {
  return unlessGone(() => readFileSync(path, 'latin1'), '')
}

function unlessGone<T>(work: () => T, gone: T): T {
  try {
    return work()
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return gone
    throw error
  }
}
