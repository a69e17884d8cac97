// A workspace with MCP servers that a test wraps: real processes in the real sandbox, a person who decides at once, hostile if asked.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type ActionKind,
  approvalsSlot,
  auditSlot,
  createKernel,
  defineDistribution,
  type Json,
  type Kernel,
  type Logger,
  type Outcome,
  type Plugin,
} from 'cloned/kernel'
import { builtIns, defaultDistribution, initWorkspace } from '../../plugins/default.js'
import {
  type McpWrapped,
  mcpRequest,
  mcpTools,
  mcpUnwrap,
  mcpWrap,
  type ServerSpec,
  type Upstreams,
  upstreamsSlot,
} from '../../plugins/mcp-upstream/slot.js'
import { mustFitSchema } from './audit-records.js'

export interface UpstreamWorld {
  readonly root: string
  /** A directory that servers may be shown. */
  readonly seen: string
  readonly kernel: Kernel
  readonly upstreams: Upstreams
  /** Milliseconds that the kernel's clock is ahead of the machine's. */
  advance(ms: number): void
  /** Writes a program that speaks MCP by these lines of JavaScript; see {@link HEAD}. */
  program(name: string, body: string): ServerSpec & { kind: 'command' }
  wrap(name: string, server: ServerSpec): Promise<Outcome<McpWrapped>>
  /** Wraps it, and agrees to all its tools. */
  ready(name: string, server: ServerSpec): Promise<void>
  act<I extends Json, O>(kind: ActionKind<I, O>, target: string, input: I): Promise<Outcome<O>>
  /** Asks the server for its list, as `mcp enable` does. */
  relist(name: string): Promise<Outcome>
  call(tool: string, input?: unknown, options?: Parameters<Kernel['call']>[1]): Promise<Outcome>
  records(type: string): Promise<readonly Record<string, unknown>[]>
  /** Another process would see the workspace so. */
  again(): Promise<UpstreamWorld>
  close(): Promise<void>
}

/** What every program of {@link UpstreamWorld.program} has. */
export const HEAD = `
import { createInterface } from 'node:readline'
import { readFileSync, writeFileSync, existsSync } from 'node:fs'
const send = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n')
const ECHO = { name: 'echo', description: 'Says it again.', inputSchema: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] }, annotations: { readOnlyHint: true } }
const text = (t) => ({ content: [{ type: 'text', text: t }] })
let tools = [ECHO]
let capabilities = { tools: { listChanged: true } }
const on = {
  initialize: ({ id }) => send({ id, result: { protocolVersion: '2025-11-25', capabilities, serverInfo: { name: 'fixture', version: '1' }, unknown: { kept: true } } }),
  'tools/list': ({ id }) => send({ id, result: { tools } }),
  'tools/call': ({ id, params }) => send({ id, result: text(String(params.arguments.text)) }),
}
createInterface({ input: process.stdin }).on('line', (line) => {
  const message = JSON.parse(line)
  const handler = on[message.method]
  if (handler) handler(message)
  else if (message.id !== undefined && message.method !== undefined) send({ id: message.id, error: { code: -32601, message: 'Method not found: ' + message.method } })
})
`

interface WorldOptions {
  readonly config?: Readonly<Record<string, { readonly [key: string]: Json }>>
  /** Besides the built-in ones, or in the place of one of the same id. */
  readonly plugins?: readonly Plugin[]
}

const ANN = { id: 'user:ann', claimed: false, osUser: 'ann' } as const

export async function upstreamWorld(options: WorldOptions = {}): Promise<UpstreamWorld> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'cloned-upstream-')))
  initWorkspace(root, { type: 'personal', now: Date.now })
  const seen = join(root, 'seen')
  const programs = join(root, 'programs')
  for (const directory of [seen, programs]) mkdirSync(directory)
  return await opened(root, options, true)
}

async function opened(root: string, options: WorldOptions, own: boolean): Promise<UpstreamWorld> {
  const [seen, programs] = [join(root, 'seen'), join(root, 'programs')]
  let ahead = 0
  const quiet: Logger = { debug: none, info: none, warn: none, error: none }
  const { plugins = [] } = options
  const replaced = new Set(plugins.map(({ manifest }) => manifest.id))
  const kept = builtIns.filter(({ manifest }) => !replaced.has(manifest.id))
  const kernel = createKernel(defineDistribution({ ...defaultDistribution(), plugins: [...kept, ...plugins] }), {
    now: () => Date.now() + ahead,
    log: () => quiet,
    osUser: 'ann',
    config: { 'cloned.workspace': { root }, 'cloned.audit': { thread: 'inline' }, ...options.config },
  })
  await kernel.start()
  const decide = async <O>(outcome: Outcome<O>): Promise<Outcome<O>> => {
    if (outcome.status !== 'pending') return outcome
    const approvals = kernel.service(approvalsSlot)
    const decided = await approvals.decide(outcome.approval.id, { verdict: 'approve', by: ANN })
    return (decided.outcome ?? outcome) as Outcome<O>
  }
  const others: UpstreamWorld[] = []
  const world: UpstreamWorld = {
    root,
    seen,
    kernel,
    upstreams: kernel.service(upstreamsSlot),
    advance(ms) {
      ahead += ms
    },
    program(name, body) {
      const path = join(programs, `${name}.mjs`)
      writeFileSync(path, `${HEAD}\n${body}`)
      return { kind: 'command', command: ['node', path], secrets: {}, read: [programs], write: [seen], hosts: [] }
    },
    wrap: async (name, server) => {
      const target = name
      return await decide(
        await kernel.act(mcpWrap, { target, input: { name, server, previous: null }, actor: 'user:ann' }),
      )
    },
    async ready(name, server) {
      const wrapped = await world.wrap(name, server)
      if (wrapped.status !== 'done') throw new Error(`it was not wrapped: ${JSON.stringify(wrapped)}`)
      const { approval } = wrapped.output
      if (approval === undefined) return
      const approvals = kernel.service(approvalsSlot)
      const { outcome } = await approvals.decide(approval, { verdict: 'approve', by: ANN })
      if (outcome?.status !== 'done') throw new Error(`its tools were not taken: ${JSON.stringify(outcome)}`)
    },
    act: async (kind, target, input) => await decide(await kernel.act(kind, { target, input, actor: 'user:ann' })),
    relist: (name) => kernel.act(mcpRequest, { target: name, input: { name, method: 'tools/list', params: {} } }),
    call: async (tool, input = {}, more) => {
      const asked = await kernel.call({ tool: `mcp.${tool}@v1`, input, actor: 'agent:tester' }, more)
      if (asked.status !== 'pending') return asked
      await kernel.service(approvalsSlot).decide(asked.approval.id, { verdict: 'approve', by: ANN })
      return await kernel.resume(asked.approval.id, more)
    },
    records: async (type) => {
      const found: Record<string, unknown>[] = []
      for await (const { record } of kernel.service(auditSlot).scan()) if (record['type'] === type) found.push(record)
      return found
    },
    async again() {
      const other = await opened(root, options, false)
      others.push(other)
      return other
    },
    async close() {
      for (const other of others) await other.close()
      await kernel.stop()
      if (!own) return
      mustFitSchema(join(root, '.cloned', 'audit.log'))
      rmSync(root, { recursive: true, force: true })
    },
  }
  return world
}

function none(): void {}

export { mcpTools, mcpUnwrap, mcpWrap }
