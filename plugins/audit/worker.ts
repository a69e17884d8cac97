// The thread that owns the log's file descriptors; it decides nothing and must never outlive its parent's wish.
import { parentPort, workerData } from 'node:worker_threads'
import { describeThrown } from 'cloned/kernel'
import { LogWriter } from './log-writer.js'
import type { WorkerAnswer, WorkerBatch, WorkerStart } from './transport.js'

const { paths } = workerData as WorkerStart
const writer = new LogWriter({ paths })

parentPort?.on('message', (message: WorkerBatch | 'close') => {
  if (message === 'close') {
    writer.close()
    parentPort?.close()
    return
  }
  parentPort?.postMessage(answer(message))
})

function answer({ ts, bodies }: WorkerBatch): WorkerAnswer {
  try {
    const receipts = writer.write({ ts, bodies: bodies.split('\n') })
    return { seq: receipts[0]?.seq ?? 0, hashes: receipts.map(({ hash }) => hash).join('') }
  } catch (error) {
    return { failure: describeThrown(error) }
  }
}
