// The thread that computes the tree beside the chain; it decides nothing and reads only what it is told to.
import { readSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { type Span, TreePass, type TreeStart } from './tree-pass.js'

const { start, wanted } = workerData as { start: TreeStart; wanted: readonly number[] }
const pass = new TreePass(start, wanted)

parentPort?.on('message', (spans: readonly Span[]) => {
  for (const span of spans) {
    for (const _ of pass.run(span, (fd, into, position) => readSync(fd, into, 0, into.length, position)));
  }
  parentPort?.postMessage(pass.report())
})
