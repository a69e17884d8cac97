// Decides on which thread the tree is computed; the answer must be the same on both.
import { readSync } from 'node:fs'
import type { Worker } from 'node:worker_threads'
import { type Span, TreePass, type TreeReport, type TreeStart } from './tree-pass.js'

export interface TreeRunner {
  /** Goes on through these spans, then tells what the tree says so far. One call at a time. */
  run(spans: readonly Span[]): Promise<TreeReport>
  close(): Promise<void>
}

/** Starting a thread takes as long as hashing this many bytes, or so. */
const WORTH_A_THREAD = 32 * 1024 * 1024

export function newTreeRunner(start: TreeStart, wanted: readonly number[], bytes: number): TreeRunner {
  // From sources there is no compiled thread to start.
  const alone = bytes < WORTH_A_THREAD || import.meta.url.endsWith('.ts')
  return alone ? inlineRunner(new TreePass(start, wanted)) : threadRunner(start, wanted)
}

function inlineRunner(pass: TreePass): TreeRunner {
  return {
    run: async (spans) => {
      for (const span of spans) {
        for (const _ of pass.run(span, (fd, into, position) => readSync(fd, into, 0, into.length, position))) {
          await new Promise(setImmediate)
        }
      }
      return pass.report()
    },
    close: async () => {},
  }
}

function threadRunner(start: TreeStart, wanted: readonly number[]): TreeRunner {
  let started: Worker | undefined
  const begin = async () => {
    const { Worker } = await import('node:worker_threads')
    return new Worker(new URL('./tree-worker.js', import.meta.url), { workerData: { start, wanted }, execArgv: [] })
  }
  return {
    run: async (spans) => {
      started ??= await begin()
      const worker = started
      return new Promise((resolve, reject) => {
        const exited = (code: number) => reject(new Error(`the hashing thread ended with code ${code}`))
        worker.once('error', reject).once('exit', exited)
        worker.once('message', (report: TreeReport) => {
          worker.off('error', reject).off('exit', exited)
          resolve(report)
        })
        worker.postMessage(spans)
      })
    },
    close: async () => void (await started?.terminate()),
  }
}
