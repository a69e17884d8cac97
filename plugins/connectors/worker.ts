// One running worker: agrees on the protocol, passes calls to it and ends it; a call must never be lost without an end.
import { PROTOCOL, RPC } from 'cloned/connector'
import { ClonedError, describeThrown, fail, HandlerError, KERNEL_VERSION, type Logger } from 'cloned/kernel'
import type { ConnectorManifest } from '../package/slot.js'
import type { SandboxProcess } from '../sandbox/slot.js'
import { Channel, WorkerError } from './channel.js'
import { captureErrors } from './errors.js'
import { type ConnectorsConfig, MAX_UNREAD, MAX_WORDS } from './limits.js'
import { validFromWorker, type WorkerValues } from './params.js'
import { hasDoor } from './program.js'
import type { LiveCall, Services } from './services.js'

export interface WorkerParts {
  readonly services: Services
  readonly log: Logger
  readonly now: () => number
  readonly config: Pick<ConnectorsConfig, 'startMs' | 'graceMs'>
}

const EFFECTS: readonly unknown[] = ['none', 'happened', 'unknown']

export class Worker {
  readonly process: SandboxProcess
  readonly #parts: WorkerParts
  readonly #name: string
  readonly #channel: Channel
  readonly #calls = new Map<string, LiveCall>()
  readonly #said: () => string
  #problem: string | undefined
  /** It has no way out of its own: it is confined, and there is no door for it. What it asks the host for is known. */
  #mute = false
  /** Resolves with what was wrong, or nothing when it was told to end. */
  readonly ended: Promise<string | undefined>

  /** The process is the worker's from here on. Before anything else, {@link agree}. */
  constructor(name: string, process: SandboxProcess, parts: WorkerParts) {
    this.process = process
    this.#name = name
    this.#parts = parts
    const { log } = parts
    this.#said = captureErrors(process.stderr, (line) => log.info(`${name}: ${line}`), parts.now)
    const find = (id: string) => this.#calls.get(id)
    this.#channel = new Channel(
      process,
      {
        request: (method, params) => parts.services.request(method, params, find),
        notice: (method, params) => this.#notice(method, params, find),
        broken: (problem) => this.kill(problem),
      },
      parts.now,
    )
    this.ended = process.ended.then(({ code, signal, problem }) => {
      const said = this.#said()
      this.#problem ??= problem ?? `it ended with ${signal ?? `code ${code}`}${said === '' ? '' : ` and said: ${said}`}`
      this.#channel.close(new Error(this.#problem))
      return this.#problem === STOPPED ? undefined : this.#problem
    })
  }

  get busy(): number {
    return this.#calls.size
  }

  /** Throws `CONNECTOR_SKEW` or `CONNECTOR_PROTOCOL` unless the worker is what the manifest says. */
  async agree(manifest: ConnectorManifest): Promise<void> {
    const { id, version, tools, protocol } = manifest
    this.#mute = this.process.exemption === undefined && !hasDoor(manifest)
    const ids = tools.map((tool) => tool.id).sort()
    if (protocol !== PROTOCOL) throw this.#skew(String(protocol))
    const params = {
      protocol: PROTOCOL,
      host: { name: 'cloned', version: KERNEL_VERSION },
      connector: { id, version },
      tools: ids,
      max_line_bytes: 16 * 1024 * 1024,
    }
    const answer = (await this.ask('initialize', params)) as { readonly protocol?: unknown } | null
    // Who speaks another protocol may say everything else in another way.
    if (answer?.protocol !== PROTOCOL) throw this.#skew(JSON.stringify(answer?.protocol ?? null))
    const { connector: own, tools: offered } = this.#valid('initialize_result', answer)
    if (own.id !== id || own.version !== version) {
      throw this.#broke(`it says that it is ${own.id} ${own.version}, not ${id} ${version}`)
    }
    if (JSON.stringify([...offered].sort()) !== JSON.stringify(ids)) {
      throw this.#broke('its tools are not those of its manifest')
    }
  }

  /** A request outside of any call, within the time to start. */
  async ask(method: string, params: unknown): Promise<unknown> {
    const { startMs } = this.#parts.config
    const timer = setTimeout(() => this.kill(`it did not answer "${method}" within ${startMs} ms`), startMs)
    try {
      return await this.#channel.request(method, method, params)
    } catch (error) {
      const supported =
        error instanceof WorkerError && error.code === RPC.protocol && (error.data as Supported)?.supported
      if (Array.isArray(supported)) throw this.#skew(supported.join(', '))
      throw this.#broke(error instanceof Error ? error.message : 'it failed')
    } finally {
      clearTimeout(timer)
    }
  }

  /** Runs a tool. Rejects with a `HandlerError` that says what is known of the effect. */
  async call(call: LiveCall, input: unknown): Promise<unknown> {
    const { ctx, tool } = call
    const { callId, signal } = ctx
    if (this.#channel.unread > MAX_UNREAD) {
      throw fail(`The connector ${this.#name} does not read what it is sent.`, { code: 'CONNECTOR_BUSY' })
    }
    this.#calls.set(callId, call)
    let timer: NodeJS.Timeout | undefined
    const cancel = () => {
      this.#channel.notify('cancel', { call_id: callId })
      const { graceMs } = this.#parts.config
      timer = setTimeout(() => this.kill(`it did not end a cancelled call within ${graceMs} ms`), graceMs)
    }
    signal.addEventListener('abort', cancel, { once: true })
    try {
      const params = { call_id: callId, tool: tool.id, input, deadline_ms: tool.timeout_ms }
      const answered = this.#channel.request(callId, 'call', params)
      if (signal.aborted) cancel()
      return this.#valid('call_result', await answered).output
    } catch (error) {
      throw this.#failure(error, call)
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', cancel)
      this.#calls.delete(callId)
    }
  }

  /** Tells it to end by closing its input, and ends it when it does not. */
  async stop(): Promise<void> {
    this.#problem ??= STOPPED
    this.process.stdin.end()
    const timer = setTimeout(() => this.process.kill(), this.#parts.config.graceMs)
    await this.ended
    clearTimeout(timer)
  }

  kill(problem: string = STOPPED): void {
    this.#problem ??= problem
    this.#channel.close(new Error(problem))
    this.process.kill()
  }

  #notice(method: string, params: unknown, find: (id: string) => LiveCall | undefined): void {
    if (method === 'progress') {
      this.#parts.services.progress(params, find)
      return
    }
    if (method !== 'log') throw new Error(`it sent a notice "${method.slice(0, 50)}"`)
    const { level, message } = validFromWorker('log_params', params)
    this.#parts.log[level](`${this.#name}: ${message.slice(0, 4096)}`)
  }

  #valid<N extends keyof WorkerValues>(name: N, value: unknown): WorkerValues[N] {
    try {
      return validFromWorker(name, value)
    } catch (error) {
      const problem = describeThrown(error)
      this.kill(problem)
      throw this.#broke(problem)
    }
  }

  #failure(error: unknown, call: LiveCall): HandlerError {
    if (error instanceof HandlerError) return error
    if (!(error instanceof WorkerError)) {
      const { message, code, help } = this.#broke(error instanceof Error ? error.message : 'it failed')
      return new HandlerError(message, { code, help, effect: 'unknown' })
    }
    const { code, help, effect } = (error.data ?? {}) as Record<string, unknown>
    // That nothing happened is its word alone, unless nothing could.
    const believed = effect === 'none' && (call.reached > 0 || !this.#mute) ? 'unknown' : effect
    return new HandlerError(error.message.slice(0, MAX_WORDS), {
      code: typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,63}$/.test(code) ? code : 'TOOL_FAILED',
      effect: EFFECTS.includes(believed) ? (believed as HandlerError['effect']) : 'unknown',
      ...(typeof help === 'string' ? { help: help.slice(0, MAX_WORDS) } : {}),
    })
  }

  #skew(theirs: string): ClonedError {
    const short = theirs.slice(0, MAX_WORDS)
    return new ClonedError('CONNECTOR_SKEW', { connector: this.#name, theirs: short, ours: PROTOCOL })
  }

  #broke(problem: string): ClonedError {
    return new ClonedError('CONNECTOR_PROTOCOL', { connector: this.#name, problem: problem.slice(0, MAX_WORDS) })
  }
}

interface Supported {
  readonly supported?: unknown
}

/** It ended because it was told to. */
const STOPPED = 'it was stopped'
