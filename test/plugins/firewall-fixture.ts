// A small world for outgoing requests: a fake DNS server, loopback servers, and rules a test can change; no outside traffic.
import { createSocket, type Socket } from 'node:dgram'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo, Socket as NetSocket } from 'node:net'
import { createServer as createTcp, type Server as TcpServer } from 'node:net'
import { isClonedError } from 'cloned/kernel'
import { parseAddress } from '../../plugins/firewall/address.js'
import { compileEgress } from '../../plugins/firewall/decide.js'
import { createResolver } from '../../plugins/firewall/resolve.js'
import { type CheckHop, SafeFetch, type SafeFetchParts } from '../../plugins/firewall/safe-fetch.js'
import type { FetchInit, FetchResponse } from '../../plugins/firewall/slot.js'
import type { EgressRule } from '../../plugins/policy/slot.js'

export const LOOPBACK = ['127.0.0.0/8']
export const TOOL = 'test.tool@v1'

/** Answers of a name, in the order in which they are asked for; the last one stays. `cname:x` points elsewhere. */
export type Zone = Record<string, readonly (readonly string[])[]>

export interface FakeDns {
  /** `127.0.0.1:port` */
  readonly address: string
  /** Names and types that were asked for: `a.test A`. */
  readonly asked: string[]
  close(): Promise<void>
}

const TYPES: Readonly<Record<number, string>> = { 1: 'A', 28: 'AAAA' }

export async function fakeDns(zone: Zone): Promise<FakeDns> {
  const socket: Socket = createSocket('udp4')
  const asked: string[] = []
  const counts = new Map<string, number>()
  socket.on('message', (query, peer) => {
    const { name, type, end } = question(query)
    const kind = TYPES[type] ?? String(type)
    asked.push(`${name} ${kind}`)
    const count = counts.get(`${name} ${kind}`) ?? 0
    counts.set(`${name} ${kind}`, count + 1)
    const turns = zone[name.toLowerCase()]
    const records = (turns?.[Math.min(count, turns.length - 1)] ?? []).flatMap((value) => record(value, type, zone))
    const header = Buffer.alloc(12)
    query.copy(header, 0, 0, 2)
    header.writeUInt16BE(turns ? 0x8180 : 0x8183, 2)
    header.writeUInt16BE(1, 4)
    header.writeUInt16BE(records.length, 6)
    socket.send(Buffer.concat([header, query.subarray(12, end), ...records]), peer.port, peer.address)
  })
  await new Promise<void>((ready) => socket.bind(0, '127.0.0.1', ready))
  return {
    address: `127.0.0.1:${socket.address().port}`,
    asked,
    close: () => new Promise((closed) => socket.close(() => closed())),
  }
}

function question(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = []
  let at = 12
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.'), type: query.readUInt16BE(at + 1), end: at + 5 }
}

function record(value: string, type: number, zone: Zone): Buffer[] {
  if (value.startsWith('cname:')) {
    const name = value.slice(6)
    const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]))
    const data: Buffer = Buffer.concat([...labels, Buffer.from([0])])
    const target = (zone[name]?.[0] ?? []).flatMap((each) => addressRecord(each, type, data))
    return [resource(5, data), ...target]
  }
  return addressRecord(value, type)
}

function addressRecord(value: string, type: number, owner: Buffer = POINTER): Buffer[] {
  const groups = parseAddress(value)
  if (groups?.length !== (type === 1 ? 2 : 8)) return []
  const data = Buffer.from(groups.flatMap((group) => [group >> 8, group & 0xff]))
  return [resource(type, data, owner)]
}

/** The name of the question. */
const POINTER: Buffer = Buffer.from([0xc0, 0x0c])

function resource(type: number, data: Buffer, owner: Buffer = POINTER): Buffer {
  const fixed = Buffer.alloc(10)
  fixed.writeUInt16BE(type, 0)
  fixed.writeUInt16BE(1, 2)
  fixed.writeUInt16BE(data.length, 8)
  return Buffer.concat([owner, fixed, data])
}

export interface LoopbackServer {
  readonly port: number
  /** `METHOD path` of every request. */
  readonly requests: string[]
  /** Connections that were opened. */
  readonly connections: () => number
  close(): Promise<void>
}

/** An HTTP server on an address of the loopback. */
export async function httpServer(listener: RequestListener, host = '127.0.0.1'): Promise<LoopbackServer> {
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`)
    listener(request, response)
  })
  return await listening(server, requests, host)
}

/** A TCP server that speaks for itself. */
export async function rawServer(speak: (socket: NetSocket) => void): Promise<LoopbackServer> {
  return await listening(createTcp(speak), [], '127.0.0.1')
}

export async function listening(server: Server | TcpServer, requests: string[], host: string): Promise<LoopbackServer> {
  let connections = 0
  const sockets = new Set<NetSocket>()
  server.on('connection', (socket: NetSocket) => {
    connections++
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((ready) => server.listen(0, host, ready))
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    connections: () => connections,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

export interface FetchWorld {
  get(
    url: string,
    init?: FetchInit,
    more?: { tool?: string; check?: CheckHop; signals?: AbortSignal[] },
  ): Promise<FetchResponse>
  /** Replaces the allow rules: another epoch. */
  allow(...rules: Omit<EgressRule, 'at'>[]): void
  /** Replaces the allow rules of one tool. */
  allowTool(tool: string, ...rules: Omit<EgressRule, 'at'>[]): void
  readonly dns: FakeDns
  close(): Promise<void>
}

/** SafeFetch over real sockets. Rules are those that a test sets; none at first. */
export async function fetchWorld(zone: Zone = {}, parts: Partial<SafeFetchParts> = {}): Promise<FetchWorld> {
  const dns = await fakeDns(zone)
  const placed = (rules: readonly Omit<EgressRule, 'at'>[]) => rules.map((rule, i) => ({ ...rule, at: `rule ${i}` }))
  let global: EgressRule[] = []
  const tools: Record<string, { deny: EgressRule[]; allow: EgressRule[] }> = {}
  let epoch = 0
  let rules = { epoch, decide: compileEgress({ global: { deny: [], allow: [] }, connectors: {}, tools: {} }) }
  const compile = () => {
    rules = { epoch: ++epoch, decide: compileEgress({ global: { deny: [], allow: global }, connectors: {}, tools }) }
  }
  const safe = new SafeFetch({
    rules: () => rules,
    resolve: createResolver([dns.address]),
    own: () => new Set(),
    now: () => performance.now(),
    log: { warn: (message) => expectQuiet(message) },
    ...parts,
  })
  return {
    dns,
    get: (url, init = {}, { tool = TOOL, check = () => undefined, signals = [] } = {}) =>
      safe.fetch({ tool }, url, init, check, signals),
    allow(...given) {
      global = placed(given)
      compile()
    },
    allowTool(tool, ...given) {
      tools[tool] = { deny: [], allow: placed(given) }
      compile()
    },
    async close() {
      await safe.close()
      await dns.close()
    },
  }
}

function expectQuiet(message: string): void {
  throw new Error(`logged: ${message}`)
}

/** The code of an error of ours, or whatever it was instead. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'done'
  } catch (error) {
    return isClonedError(error) ? error.code : `not ours: ${String(error)}`
  }
}
