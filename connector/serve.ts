// Answers the host for a connector, over standard input and output; nothing else of the process may write there.
import type { Readable, Writable } from 'node:stream'
import { type Connector, type Tool, ToolError, toolId } from './define.js'
import { contextOf, type HostServices } from './host-services.js'
import { eachLine } from './lines.js'
import { draftOf } from './manifest.js'
import { type CallParams, type InitializeParams, MAX_LINE_BYTES, type Message, PROTOCOL, RPC } from './protocol.js'

interface Streams {
  readonly input: Readable
  readonly output: Writable
}

/** Serves until the host closes the standard input; then the process ends. Call it once, last. */
export function serve(connector: Connector): void {
  const output = process.stdout
  // A stray line would be taken for a message: what tools print goes to the diagnostics of the host.
  const write = output.write.bind(output)
  output.write = process.stderr.write.bind(process.stderr)
  for (const name of ['log', 'info', 'debug'] as const) console[name] = console.error
  void serveOn(connector, { input: process.stdin, output: { write } as unknown as Writable }).then(
    () => process.exit(0),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
}

/** Serves on any two streams; resolves when the input ends. */
export async function serveOn(connector: Connector, { input, output }: Streams): Promise<void> {
  const tools = new Map<string, Tool>(connector.tools.map((tool) => [toolId(tool), tool]))
  const running = new Map<string, LazyAbort>()
  const waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>()
  let requests = 0

  const send = (message: Omit<Message, 'jsonrpc'>) =>
    void output.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  const host: HostServices = {
    notify: (method, params) => send({ method, params }),
    request: (method, params) =>
      new Promise((resolve, reject) => {
        const id = ++requests
        waiting.set(id, { resolve, reject })
        send({ id, method, params })
      }),
  }

  const call = async ({ call_id, tool: name, input: given }: CallParams): Promise<void> => {
    const tool = tools.get(name)
    if (!tool) return send({ id: call_id, error: { code: RPC.params, message: `there is no tool ${name}` } })
    const abort = new LazyAbort()
    running.set(call_id, abort)
    try {
      const output = await tool.run(given, contextOf(call_id, abort, host))
      send({ id: call_id, result: { output } })
    } catch (error) {
      send({ id: call_id, error: failureOf(error) })
    } finally {
      running.delete(call_id)
    }
  }

  const initialize = (id: string | number, { protocol }: InitializeParams) => {
    if (protocol !== PROTOCOL) {
      const message = `this connector speaks the worker protocol ${PROTOCOL}, not ${protocol}`
      return send({ id, error: { code: RPC.protocol, message, data: { supported: [PROTOCOL] } } })
    }
    const { id: connectorId, version } = connector
    send({ id, result: { protocol, connector: { id: connectorId, version }, tools: [...tools.keys()] } })
  }

  await eachLine(input, MAX_LINE_BYTES, (line) => {
    const { id, method, params, result, error } = JSON.parse(line) as Message
    if (method === undefined) {
      const waiter = waiting.get(id as number)
      waiting.delete(id as number)
      if (error) waiter?.reject(new ToolError(error.message, error.data as object))
      else waiter?.resolve(result)
    } else if (method === 'cancel') running.get((params as CallParams).call_id)?.abort()
    else if (id === undefined) return
    else if (method === 'initialize') initialize(id, params as InitializeParams)
    else if (method === 'describe') send({ id, result: draftOf(connector) })
    else if (method === 'call') void call(params as CallParams)
    else send({ id, error: { code: RPC.noMethod, message: `there is no method ${method}` } })
  })
}

function failureOf(error: unknown): NonNullable<Message['error']> {
  const { message, code, help, effect } = error instanceof ToolError ? error : new ToolError(String(error))
  return { code: RPC.failed, message, data: { code, effect, ...(help === undefined ? {} : { help }) } }
}

/** An abort signal that costs nothing until it is read. */
class LazyAbort {
  #controller: AbortController | undefined
  #aborted = false

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#aborted) this.#controller.abort()
    return this.#controller.signal
  }

  abort(): void {
    this.#aborted = true
    this.#controller?.abort()
  }
}
