// The HTTP API against a bare Fastify route and against the gate in process; its start and its idle memory.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { initWorkspace, open } from 'cloned'
import type { Kernel } from 'cloned/kernel'
import { apiSlot } from 'cloned/plugins/api'
import { fastify } from 'fastify'
import { flight, quantile, type Row, ratio } from './harness.js'
import { INPUT, noop, noopPlugin } from './parts.js'

const run = promisify(execFile)
const BIN = fileURLToPath(new URL('../../plugins/bin.js', import.meta.url))
const ROUNDS = 7
const WIDTH = 64

export async function apiBench(): Promise<Row[]> {
  const root = mkdtempSync(join(tmpdir(), 'cloned-bench-'))
  initWorkspace(root, { type: 'personal', now: Date.now })
  const kernel = await open({
    root,
    plugins: [noopPlugin],
    config: { 'cloned.api': { per_minute: 10_000_000 } },
  })
  const { address } = await kernel.service(apiSlot).listen()
  const token = readFileSync(join(root, '.cloned/api/token'), 'utf8').trim()
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const rows = [await reads(address, headers), await calls(kernel, address, headers)]
  await kernel.stop()
  rows.push(await coldServer(root), await idleMemory())
  rmSync(root, { recursive: true, force: true })
  return rows
}

type Headers = Readonly<Record<string, string>>

interface Load {
  readonly url: string
  readonly path: string
  readonly headers: Headers
  readonly body?: string
  readonly count: number
}

/** Requests a second over 64 connections, asked from a thread of its own, so that the server has this one for itself. */
class Client {
  readonly #worker = new Worker(
    `const { parentPort } = require('node:worker_threads')
    const { Pool } = require('undici')
    parentPort.on('message', async ({ url, path, headers, body, count }) => {
      const pool = new Pool(url, { connections: ${WIDTH}, pipelining: 1 })
      let next = 0
      const start = performance.now()
      const lane = async () => {
        while (next++ < count) {
          const answer = await pool.request({ method: body ? 'POST' : 'GET', path, headers, body })
          const text = await answer.body.text()
          if (answer.statusCode !== 200) throw new Error(text)
        }
      }
      await Promise.all(Array.from({ length: ${WIDTH} }, lane))
      const rate = count / ((performance.now() - start) / 1000)
      await pool.close()
      parentPort.postMessage(rate)
    })`,
    { eval: true },
  )

  async rate(load: Load): Promise<number> {
    this.#worker.postMessage(load)
    // Rejects when the thread fails.
    const [rate] = (await once(this.#worker, 'message')) as [number]
    return rate
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }
}

/** The same bytes from a bare route, as JSON out of an object. */
async function reads(url: string, headers: Headers): Promise<Row> {
  const path = '/v1/workspace'
  const answer = (await (await fetch(`${url}${path}`, { headers })).json()) as object
  const bare = fastify()
  bare.get(path, async () => answer)
  const bareUrl = await bare.listen({ host: '127.0.0.1', port: 0 })
  const client = new Client()
  const load = { path, headers, count: 4_000 }
  const [ours, theirs] = await medians(
    () => client.rate({ ...load, url }),
    () => client.rate({ ...load, url: bareUrl }),
  )
  await client.end()
  await bare.close()
  return ratio('API read route against a bare Fastify route', ours / theirs, { atLeast: 0.6 }, measured(ours, theirs))
}

async function calls(kernel: Kernel, url: string, headers: Headers): Promise<Row> {
  const count = WIDTH * 16
  const path = `/v1/tools/${encodeURIComponent(noop.id)}/call`
  const client = new Client()
  const [ours, theirs] = await medians(
    () => client.rate({ url, path, headers, body: JSON.stringify({ input: INPUT }), count }),
    async () => {
      const start = performance.now()
      await flight(count, WIDTH, async () => {
        const outcome = await kernel.call({ tool: noop.id, input: INPUT })
        if (outcome.status !== 'done') throw new Error(JSON.stringify(outcome))
      })
      return count / ((performance.now() - start) / 1000)
    },
  )
  await client.end()
  return ratio(
    'tools/call over HTTP, durable, 64 connections, against in process',
    ours / theirs,
    { atLeast: 0.5 },
    measured(ours, theirs),
  )
}

/** Medians of two rates, measured in turns. */
async function medians(ours: () => Promise<number>, theirs: () => Promise<number>): Promise<[number, number]> {
  const samples: [number[], number[]] = [[], []]
  await ours()
  await theirs()
  for (let round = 0; round < ROUNDS; round++) {
    samples[0].push(await ours())
    samples[1].push(await theirs())
  }
  return [quantile(samples[0], 0.5), quantile(samples[1], 0.5)]
}

function measured(ours: number, theirs: number): string {
  return `${Math.round(ours)}/s vs ${Math.round(theirs)}/s`
}

/** In a process of its own: from an open workspace to the first answer. */
async function coldServer(root: string): Promise<Row> {
  const code = `
    const { open } = await import('cloned')
    const { apiSlot } = await import('cloned/plugins/api')
    const { get } = await import('node:http')
    const kernel = await open({ root: ${JSON.stringify(root)} })
    const start = performance.now()
    const { address } = await kernel.service(apiSlot).listen()
    await new Promise((end) => get(address + '/v1/healthz', (answer) => answer.resume().on('end', end)))
    console.log(performance.now() - start)
    await kernel.stop()`
  const cwd = fileURLToPath(new URL('../../..', import.meta.url))
  const samples: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', code], { cwd })
    samples.push(Number(stdout))
  }
  const ms = quantile(samples, 0.5)
  return {
    what: 'API server: listen to first answer',
    measured: `${ms.toFixed(0)} ms`,
    figure: ms / 1000,
    target: '≤ 0.4 s',
    met: ms <= 400,
  }
}

/** What `cloned serve` of a new workspace holds a moment after its first answer, as the system counts it. */
async function idleMemory(): Promise<Row> {
  const root = mkdtempSync(join(tmpdir(), 'cloned-bench-'))
  initWorkspace(root, { type: 'personal', now: Date.now })
  const samples: number[] = []
  for (let round = 0; round < 3; round++) {
    const server = spawn(process.execPath, [BIN, 'serve', '--workspace', root], { stdio: ['ignore', 'ignore', 'pipe'] })
    try {
      const [said] = (await once(server.stderr, 'data')) as [Buffer]
      const [address = ''] = /http:\/\/[\w.:]+/.exec(said.toString()) ?? []
      await (await fetch(`${address}/v1/healthz`)).text()
      await pause(1_000)
      const { stdout } = await run('ps', ['-o', 'rss=', '-p', String(server.pid)])
      samples.push((Number(stdout) * 1024) / 1e6)
    } finally {
      server.kill('SIGINT')
      await once(server, 'exit')
    }
  }
  rmSync(root, { recursive: true, force: true })
  const mb = quantile(samples, 0.5)
  return {
    what: 'cloned serve: idle memory',
    measured: `${mb.toFixed(0)} MB`,
    figure: mb,
    target: '≤ 120 MB',
    met: mb <= 120,
  }
}
