// Calls through the MCP gateway against the same calls to the same server directly, and what the gateway does by itself.
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { initWorkspace, open } from 'cloned'
import type { JsonObject } from 'cloned/kernel'
import { mcpSlot } from '../../plugins/mcp/slot.js'
import { wrapServer } from '../fixtures/mcp/wrap.js'
import { flight, quantile, type Row, ratio, us } from './harness.js'

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const EVERYTHING = createRequire(import.meta.url).resolve('@modelcontextprotocol/server-everything/dist/index.js')
const MODULES = dirname(dirname(dirname(dirname(EVERYTHING))))
const ECHO = { name: 'echo', arguments: { message: 'hello' } }
const INITIALIZE = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'bench', version: '1.0.0' },
}
const ROUNDS = 9
const CALLS = 60

interface Client {
  request(method: string, params: JsonObject): Promise<JsonObject>
  stop(): Promise<void>
}

export async function mcpBench(): Promise<Row[]> {
  return [...(await stdioRows()), ...(await httpRows()), ...(await ownRows()), await coldRow()]
}

async function stdioRows(): Promise<Row[]> {
  const direct = await lines([EVERYTHING, 'stdio'])
  const durable = await lines([at('../fixtures/mcp/lines.js'), 'everything'])
  const memory = await lines([at('../fixtures/mcp/lines.js'), 'everything', 'memory'])
  const call = (client: Client) => () => called(client)
  const [plain = 0, disk = 0, kept = 0, light = 0] = await p50s([call(direct), twoSyncs(), call(durable), call(memory)])
  await Promise.all([direct.stop(), durable.stop(), memory.stop()])
  const base = `${us(plain)} direct, ${us(disk)} for two syncs`
  return [
    ratio('MCP stdio call, durable audit', kept / (plain + disk), { atMost: 1.8 }, `${us(kept)}; ${base}`),
    ratio('MCP stdio call, audit in memory', light / plain, { atMost: 1.5 }, `${us(light)}; ${us(plain)} direct`),
  ]
}

async function httpRows(): Promise<Row[]> {
  const root = mkdtempSync(join(tmpdir(), 'cloned-bench-'))
  initWorkspace(root, { type: 'personal', now: Date.now })
  const kernel = await open({ root, config: { 'cloned.keys': { home: join(root, 'keys') } } })
  await wrapServer(kernel, 'everything', [process.execPath, EVERYTHING, 'stdio'], [MODULES])
  const door = kernel.service(mcpSlot).door({ only: 'everything' })
  const server = createServer((request, response) => void door.http(request, response, { key: 'bench' }))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const other = spawn(process.execPath, [EVERYTHING, 'streamableHttp'], {
    env: { PATH: '', PORT: '39411' },
    stdio: 'ignore',
  })
  const direct = await sessionAt('http://127.0.0.1:39411/mcp')
  const gateway = await sessionAt(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`)
  const [plain = 0, through = 0] = await p50s([() => called(direct), () => called(gateway)])
  other.kill()
  server.closeAllConnections()
  server.close()
  await kernel.stop()
  rmSync(root, { recursive: true, force: true })
  return [ratio('MCP HTTP call', through / plain, { atMost: 1.2 }, `${us(through)}; ${us(plain)} direct`)]
}

/** What the gateway can do where nothing waits for another process: how many calls, and a list of a thousand. */
async function ownRows(): Promise<Row[]> {
  const client = await lines([at('../fixtures/mcp/lines.js')])
  const echo = { name: 'echo_0', arguments: { value: 'hello' } }
  const send = async () => {
    const answer = await client.request('tools/call', echo)
    if (answer['isError'] === true) throw new Error(JSON.stringify(answer))
  }
  await flight(1500, 64, send)
  const rates: number[] = []
  for (let round = 0; round < 7; round++) {
    const start = performance.now()
    await flight(2000, 64, send)
    rates.push(2000 / ((performance.now() - start) / 1000))
  }
  await client.stop()
  const rate = quantile(rates, 0.5)
  const many = await lines([at('../fixtures/mcp/lines.js'), '1000', 'all'])
  const times: number[] = []
  for (let round = 0; round < 21; round++) {
    const start = performance.now()
    await many.request('tools/list', {})
    times.push(performance.now() - start)
  }
  await many.stop()
  const list = quantile(times, 0.5)
  return [
    {
      what: 'MCP governed calls/s, 64 in flight, durable',
      measured: rate.toFixed(0),
      figure: rate,
      target: '≥ 3000',
      met: rate >= 3000,
    },
    { what: 'MCP list of 1,000 tools', measured: us(list * 1000), figure: list, target: '≤ 20 ms', met: list <= 20 },
  ]
}

/** From the start of a process to the answer of its first governed call. */
async function coldRow(): Promise<Row> {
  const root = mkdtempSync(join(tmpdir(), 'cloned-bench-'))
  initWorkspace(root, { type: 'personal', now: Date.now })
  writeSync(openSync(join(root, 'a.txt'), 'w'), 'a')
  const times: number[] = []
  for (let round = 0; round < 9; round++) {
    const start = performance.now()
    const client = await lines([at('../../plugins/bin.js'), 'mcp'], root)
    await client.request('tools/call', { name: 'fs__read', arguments: { path: 'a.txt' } })
    times.push(performance.now() - start)
    await client.stop()
  }
  rmSync(root, { recursive: true, force: true })
  const cold = quantile(times, 0.5)
  return {
    what: 'MCP first governed call, cold',
    measured: us(cold * 1000),
    figure: cold,
    target: '≤ 600 ms',
    met: cold <= 600,
  }
}

async function called(client: Client): Promise<void> {
  const result = await client.request('tools/call', ECHO)
  if (result['isError'] === true) throw new Error(JSON.stringify(result))
}

/** Medians of single runs in microseconds, interleaved in short blocks. */
async function p50s(runs: readonly (() => Promise<void>)[]): Promise<number[]> {
  const samples: number[][] = runs.map(() => [])
  for (const run of runs) for (let i = 0; i < CALLS; i++) await run()
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, run] of runs.entries()) {
      for (let n = 0; n < CALLS; n++) {
        const start = performance.now()
        await run()
        samples[i]?.push((performance.now() - start) * 1000)
      }
    }
  }
  return samples.map((each) => quantile(each, 0.5))
}

/** The two syncs that no durable record of intent and outcome can do without. */
function twoSyncs(): () => Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'cloned-bench-'))
  const file = openSync(join(root, 'log'), 'a')
  process.on('exit', () => {
    closeSync(file)
    rmSync(root, { recursive: true, force: true })
  })
  return async () => {
    for (let i = 0; i < 2; i++) {
      writeSync(file, 'x'.repeat(600))
      fdatasyncSync(file)
    }
  }
}

async function lines(words: readonly string[], cwd: string = tmpdir()): Promise<Client> {
  const child: ChildProcess = spawn(process.execPath, words, { cwd, stdio: ['pipe', 'pipe', 'ignore'] })
  const waiting = new Map<number, (message: { result?: JsonObject; error?: unknown }) => void>()
  let text = ''
  let ids = 0
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    const all = (text + chunk).split('\n')
    text = all.pop() ?? ''
    for (const line of all) {
      const message = JSON.parse(line)
      waiting.get(message.id)?.(message)
      waiting.delete(message.id)
    }
  })
  const client: Client = {
    request: (method, params) =>
      new Promise((resolve, reject) => {
        const id = ++ids
        waiting.set(id, ({ result, error }) => (result ? resolve(result) : reject(new Error(JSON.stringify(error)))))
        child.stdin?.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`)
      }),
    stop: () =>
      new Promise((resolve) => {
        child.once('close', () => resolve())
        child.stdin?.end()
      }),
  }
  await client.request('initialize', INITIALIZE)
  child.stdin?.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
  return client
}

async function sessionAt(url: string): Promise<Client> {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
  }
  let ids = 0
  const request = async (method: string, params: JsonObject): Promise<JsonObject> => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: ++ids, method, params })
    const answer = await fetch(url, { method: 'POST', headers, body })
    const session = answer.headers.get('mcp-session-id')
    if (session !== null) headers['mcp-session-id'] = session
    const text = await answer.text()
    const data = text.split('\n').findLast((line) => line.startsWith('data: '))
    return JSON.parse(data?.slice(6) ?? text).result
  }
  for (let tries = 0; ; tries++) {
    try {
      await request('initialize', INITIALIZE)
      break
    } catch (error) {
      // It takes a moment until the other process listens.
      if (tries > 50) throw error
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  }
  const body = '{"jsonrpc":"2.0","method":"notifications/initialized"}'
  await (await fetch(url, { method: 'POST', headers, body })).text()
  return { request, stop: async () => {} }
}
