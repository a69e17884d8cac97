// A gateway over real plugins in a workspace of its own, with a server of features behind it, and clients that talk in lines.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { initWorkspace, open } from 'cloned'
import {
  type Approvals,
  approvalsSlot,
  type Json,
  type JsonObject,
  type Kernel,
  type Plugin,
  policyWrite,
} from 'cloned/kernel'
import type { McpConfig } from '../../plugins/mcp/config.js'
import { type McpCaller, type McpDoor, type McpView, mcpSlot } from '../../plugins/mcp/slot.js'
import { policySlot } from '../../plugins/policy/slot.js'
import { featuresPlugin } from '../fixtures/mcp/upstream.js'

export const MODERN = '2026-07-28'
export const TASKS = 'io.modelcontextprotocol/tasks'

export interface Answer {
  readonly id: Json
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly result?: any
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly error?: { code: number; message: string; data?: any }
}

/** A client on the other side of a stream. */
export interface Client {
  /** Everything that came and is no answer, in order. */
  readonly heard: { method: string; id?: Json; params: JsonObject }[]
  /** Sends a request and waits for its answer. */
  request(method: string, params?: JsonObject, id?: Json): Promise<Answer>
  /** The same by the revision without sessions. */
  modern(method: string, params?: JsonObject, capabilities?: JsonObject, name?: string): Promise<Answer>
  send(message: Json): void
  /** Sends bytes as they are. */
  raw(text: string): void
  /** The next answer to nothing that was asked. */
  stray(): Promise<Answer>
  /** The next message of this method. */
  next(method: string): Promise<{ method: string; id?: Json; params: JsonObject }>
  initialize(capabilities?: JsonObject, version?: string): Promise<Answer>
  end(): Promise<void>
}

export interface McpWorld {
  readonly root: string
  readonly kernel: Kernel
  readonly approvals: Approvals
  door(view?: McpView): McpDoor
  client(view?: McpView, caller?: McpCaller): Client
  /** Puts lines of an overlay in force, as a person who approves them. */
  policy(lines: string): Promise<void>
  close(): Promise<void>
}

export interface WorldOptions {
  readonly type?: 'personal' | 'shared' | 'enterprise'
  readonly servers?: readonly string[]
  readonly config?: Partial<McpConfig>
  readonly plugins?: readonly Plugin[]
}

export async function mcpWorld(options: WorldOptions = {}): Promise<McpWorld> {
  const { type = 'personal', servers = ['features'], config = {}, plugins = [] } = options
  const root = await mkdtemp(join(tmpdir(), 'cloned-mcp-'))
  initWorkspace(root, { type, now: Date.now })
  const kernel = await open({
    root,
    plugins: [await featuresPlugin(servers), ...plugins],
    replace: { 'cloned.mcp-upstream': 'test.features' },
    config: { 'cloned.keys': { home: join(root, 'keys') }, 'cloned.mcp': { pollMs: 10, ...config } },
  })
  const clients: Client[] = []
  const approvals = kernel.service(approvalsSlot)
  const door = (view?: McpView) => kernel.service(mcpSlot).door(view)
  return {
    root,
    kernel,
    approvals,
    door,
    client(view, caller = { key: 'test', person: kernel.actor() }) {
      const client = connect(door(view), caller)
      clients.push(client)
      return client
    },
    async policy(lines) {
      const { overlay: previous } = kernel.service(policySlot).snapshot()
      const content = `version: 1\npack: ${type}\n${lines}\n`
      const input = { pack: type, content, previous }
      const outcome = await kernel.act(policyWrite, { target: type, input })
      if (outcome.status !== 'pending') throw new Error(JSON.stringify(outcome))
      await approvals.decide(outcome.approval.id, { verdict: 'approve', by: kernel.actor() })
    },
    async close() {
      await Promise.all(clients.map((client) => client.end()))
      await kernel.stop()
      await rm(root, { recursive: true, force: true })
    },
  }
}

function connect(door: McpDoor, caller: McpCaller): Client {
  const input = new PassThrough()
  const output = new PassThrough()
  const served = door.lines({ input, output }, caller, new AbortController().signal)
  return talk(
    (text) => input.write(text),
    output,
    async () => {
      input.end()
      await served
    },
  )
}

/** A client over anything that takes and gives lines. */
export function talk(write: (text: string) => void, output: NodeJS.ReadableStream, end: () => Promise<void>): Client {
  const waiting = new Map<Json, (answer: Answer) => void>()
  const heard: Client['heard'] = []
  const strays: Answer[] = []
  let wake = () => {}
  let text = ''
  let ids = 0
  output.on('data', (chunk: Buffer) => {
    text += chunk.toString()
    const lines = text.split('\n')
    text = lines.pop() ?? ''
    for (const line of lines) {
      const message = JSON.parse(line)
      if ('method' in message) heard.push(message)
      else if (waiting.has(message.id)) waiting.get(message.id)?.(message)
      else strays.push(message)
    }
    wake()
  })
  const first = async <T>(list: T[], wanted: (each: T) => boolean): Promise<T> => {
    for (;;) {
      const at = list.findIndex(wanted)
      const [found] = at < 0 ? [] : list.splice(at, 1)
      if (found !== undefined) return found
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  const send = (message: Json) => write(`${JSON.stringify(message)}\n`)
  const client: Client = {
    heard,
    send,
    raw: write,
    request(method, params = {}, id = ++ids) {
      return new Promise((resolve) => {
        waiting.set(id, resolve)
        send({ jsonrpc: '2.0', id, method, params })
      })
    },
    modern(method, params = {}, capabilities = {}, name = 'test') {
      const meta = {
        'io.modelcontextprotocol/protocolVersion': MODERN,
        'io.modelcontextprotocol/clientCapabilities': capabilities,
        'io.modelcontextprotocol/clientInfo': { name, version: '1.0.0' },
      }
      const own = (params['_meta'] ?? {}) as JsonObject
      return client.request(method, { ...params, _meta: { ...meta, ...own } })
    },
    next: (method) => first(heard, (message) => message.method === method),
    stray: () => first(strays, () => true),
    async initialize(capabilities = {}, version = '2025-11-25') {
      const clientInfo = { name: 'test', version: '1.0.0' }
      const answer = await client.request('initialize', { protocolVersion: version, capabilities, clientInfo })
      send({ jsonrpc: '2.0', method: 'notifications/initialized' })
      return answer
    },
    end,
  }
  return client
}

export const WRITE = { name: 'fs__write', arguments: { path: 'a.txt', content: 'written' } }
