// The thread that owns the log's file descriptors; it decides nothing and must never outlive its parent's wish.
import { parentPort, workerData } from 'node:worker_threads'
import { describeThrown } from 'cloned/kernel'
import { type Batch, LogWriter } from './log-writer.js'
import type { WorkerAnswer, WorkerStart } from './transport.js'

const { paths } = workerData as WorkerStart
const writer = new LogWriter({ paths })

parentPort?.on('message', (message: Batch | 'close') => {
  if (message === 'close') {
    writer.close()
    parentPort?.close()
    return
  }
  parentPort?.postMessage(answer(message))
})

function answer(batch: Batch): WorkerAnswer {
  try {
    return { receipts: writer.write(batch) }
  } catch (error) {
    return { failure: describeThrown(error) }
  }
}
