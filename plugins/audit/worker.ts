// The thread that owns the log's file descriptors; it decides nothing and must never outlive its parent's wish.
import { parentPort, workerData } from 'node:worker_threads'
import { describeThrown } from 'cloned/kernel'
import { LogWriter } from './log-writer.js'
import type { WorkerAnswer, WorkerWish, WriterStart } from './transport.js'

const writer = new LogWriter(workerData as WriterStart)
const tell = (answer: WorkerAnswer) => parentPort?.postMessage(answer)

parentPort?.on('message', (wish: WorkerWish) => {
  if (wish.op === 'close') {
    aside(() => writer.afterwards(true))
    writer.close()
    parentPort?.close()
    return
  }
  tell(answer(wish))
  if (wish.op === 'write') aside(() => writer.afterwards())
})

function answer(wish: Exclude<WorkerWish, { op: 'close' }>): WorkerAnswer {
  try {
    if (wish.op === 'tree') return { op: 'value', value: aside(() => writer.tree()) }
    if (wish.op === 'rotate') return { op: 'value', value: writer.rotate(wish.first, wish.ts) }
    const bodies = wish.count === 0 ? [] : wish.bodies.split('\n')
    const { receipts, ...written } = writer.write({ ...wish.batch, bodies })
    return { op: 'written', written, seq: receipts[0]?.seq ?? 0, hashes: receipts.map(({ hash }) => hash).join('') }
  } catch (error) {
    return { op: 'failure', cause: describeThrown(error) }
  }
}

/** Work that no record depends on: its failure is told and harms nothing. */
function aside<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    tell({ op: 'trouble', cause: describeThrown(error) })
    return undefined
  }
}
