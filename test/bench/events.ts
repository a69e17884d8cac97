// The event feed: from an event in hand until the median of 1,000 readers has it, and what taking it in costs.
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { initWorkspace, open } from 'cloned'
import { type Events, eventsSlot } from 'cloned/plugins/events'
import { frame, Readers } from '../../plugins/events/readers.js'
import { flight, quantile, type Row, ratio, us } from './harness.js'
import { INPUT, noop, noopPlugin } from './parts.js'

const READERS = 1_000
const EVENTS = 100
const CALLS = 2_000

export async function eventsBench(): Promise<Row[]> {
  return [...(await fanOut()), await takingIn()]
}

/** Readers in a thread of their own: it says when the median of them and the last has an event, milliseconds since 1970. */
const CLIENT = `
  const { parentPort, workerData: { port, readers } } = require('node:worker_threads')
  const { connect } = require('node:net')
  let have = 0
  let median = 0
  let open = 0
  for (let i = 0; i < readers; i++) {
    const socket = connect(port, '127.0.0.1')
    socket.write('GET / HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n')
    let first = true
    socket.on('data', () => {
      if (first) {
        first = false
        if (++open === readers) parentPort.postMessage('open')
        return
      }
      have++
      if (have === readers / 2) median = performance.timeOrigin + performance.now()
      if (have === readers) {
        have = 0
        parentPort.postMessage([median, performance.timeOrigin + performance.now()])
      }
    })
  }`

/** Sends to every reader, and answers milliseconds until the median of them and the last had it. */
interface Crowd {
  send(seq: number): Promise<readonly [number, number]>
  close(): Promise<void>
}

async function crowd(server: Server, send: (seq: number) => void): Promise<Crowd> {
  server.listen(0, '127.0.0.1', 4096)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const worker = new Worker(CLIENT, { eval: true, workerData: { port, readers: READERS } })
  await once(worker, 'message')
  return {
    async send(seq) {
      const start = performance.timeOrigin + performance.now()
      send(seq)
      const [[median, last]] = (await once(worker, 'message')) as [[number, number]]
      return [median - start, last - start]
    },
    async close() {
      await worker.terminate()
      server.close()
    },
  }
}

/** Ours, and the same bytes over bare sockets, in turns. */
async function fanOut(): Promise<Row[]> {
  const text = JSON.stringify({ specversion: '1.0', data: 'x'.repeat(400) })
  const readers = new Readers(SILENT, {
    heartbeatMs: 60_000,
    lifeMs: 600_000,
    maxWaiting: 256 * 1024,
    log: { error: (message) => console.error(message) },
  })
  const listening = createHttpServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(':\n\n')
    void readers.add({ connection: response, types: [], after: 0 })
  })
  const sockets: Socket[] = []
  const bare = createServer((socket) => {
    sockets.push(socket.on('error', () => undefined))
    socket.write(':\n\n')
  })
  const ours = await crowd(listening, (seq) => readers.send([{ seq, type: 'bench.event', text }]))
  const theirs = await crowd(bare, (seq) => {
    const bytes = frame({ seq, text })
    for (const socket of sockets) socket.write(bytes)
  })
  const medians: [number[], number[]] = [[], []]
  const lasts: number[] = []
  for (let seq = 1; seq <= EVENTS; seq++) {
    const [median, last] = await ours.send(seq)
    medians[0].push(median)
    lasts.push(last)
    medians[1].push((await theirs.send(seq))[0])
  }
  await readers.close()
  await ours.close()
  await theirs.close()
  const [p50, floor] = [quantile(medians[0], 0.5), quantile(medians[1], 0.5)]
  const measured = `${p50.toFixed(2)} ms vs ${floor.toFixed(2)} ms`
  return [
    {
      what: `an event to the median of ${READERS.toLocaleString('en')} readers`,
      measured: `${measured} over bare sockets; to the last ${quantile(lasts, 0.5).toFixed(2)} ms`,
      figure: p50,
      target: '≤ 2 ms',
      met: p50 <= 2,
    },
    ratio('the same against bare sockets', floor / p50, { atLeast: 0.8 }, measured),
  ]
}

/** A feed in which nothing happens. */
const SILENT: Pick<Events, 'takeIn' | 'range' | 'read'> = {
  takeIn: async () => {},
  range: async () => ({ first: 1, last: 0 }),
  read: async ({ after }) => ({ events: [], next: after }),
}

/** Durable, from the audit log into the feed. */
async function takingIn(): Promise<Row> {
  const root = mkdtempSync(join(tmpdir(), 'cloned-bench-'))
  initWorkspace(root, { type: 'personal', now: Date.now })
  const kernel = await open({ root, plugins: [noopPlugin] })
  const events = kernel.service(eventsSlot)
  await events.takeIn()
  await flight(CALLS, 64, () => kernel.call({ tool: noop.id, input: INPUT }))
  const { last } = await events.range()
  const start = performance.now()
  await events.takeIn()
  const each = ((performance.now() - start) * 1000) / ((await events.range()).last - last)
  await kernel.stop()
  rmSync(root, { recursive: true, force: true })
  return { what: 'an audit record taken into the feed', measured: us(each) }
}
