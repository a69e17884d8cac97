// Runs the servers that are in force, one of each, for whoever calls them; one that is not in force runs nothing.
import {
  ClonedError,
  describeThrown,
  didYouMean,
  fail,
  type HandlerContext,
  isClonedError,
  type JsonObject,
  type Logger,
} from 'cloned/kernel'
import type { Connectors, Supervising } from '../connectors/slot.js'
import type { Acting } from './link.js'
import type { ToolList, ToolLists } from './lists.js'
import { Running } from './running.js'
import type { ServerSpec, UpstreamNotice } from './slot.js'
import { specDigest } from './spec.js'
import { type StartParts, start } from './start.js'
import type { KnownServer, ServerState } from './state.js'

export interface ServersParts extends StartParts {
  readonly state: ServerState
  readonly lists: ToolLists
  readonly connectors: Pick<Connectors, 'supervise'>
  readonly idleMs: number
  readonly relistMs: number
  readonly concurrency: number
  readonly tell: (notice: UpstreamNotice) => void
  readonly log: Pick<Logger, 'warn'>
}

interface Kept {
  readonly key: string
  readonly supervising: Supervising<Running, Acting>
  /** The one that runs, or ran last. */
  running: Running | undefined
}

/** How soon a program ends that another process has unwrapped, switched off or exchanged. */
const LOOK_MS = 2_000

const NO_TOOLS: ToolList = { about: {}, tools: [] }

export class Servers {
  readonly #parts: ServersParts
  readonly #kept = new Map<string, Kept>()
  readonly #lists = new Map<string, ToolList>()
  #open = false
  #looking: NodeJS.Timeout | undefined
  /** What was told last of a file that cannot be read. */
  #warned = ''
  /** What of the state was taken up. */
  #revision = 0
  /** Those that are being wrapped. */
  readonly #trying = new Set<{ readonly name: string; readonly server: ServerSpec }>()

  constructor(parts: ServersParts) {
    this.#parts = parts
  }

  /** Never fails for what a person can mend: then no server runs, and every command says why. */
  async open(): Promise<void> {
    this.#open = true
    this.#looking ??= setInterval(() => this.#lookAgain(), LOOK_MS).unref()
    await this.refresh().catch((error: unknown) => {
      if (!isClonedError(error)) throw error
      this.#parts.log.warn('no MCP server runs: the servers cannot be read', { error: error.message })
    })
  }

  /** Takes up what has changed in the file, and ends what is not in force any more. */
  async refresh(): Promise<void> {
    const { state, lists, tell } = this.#parts
    await state.refresh()
    if (state.revision === this.#revision) return
    this.#revision = state.revision
    const before = new Map(this.#lists)
    this.#lists.clear()
    for (const server of state.servers) {
      if (server.tools !== undefined && inForce(server)) this.#lists.set(server.name, this.#listOf(server, lists))
    }
    for (const name of new Set([...before.keys(), ...this.#lists.keys()])) {
      if (before.get(name) === this.#lists.get(name)) continue
      tell({ server: name, method: 'notifications/tools/list_changed', params: {} })
    }
    for (const [name, { key, supervising }] of this.#kept) {
      const server = state.servers.find((each) => each.name === name)
      if (server && inForce(server) && specDigest(name, server.server) === key) continue
      this.#kept.delete(name)
      void supervising.stop()
    }
  }

  /** Those in force, as last read; what another process has changed is taken up soon after. None before the start. */
  current(): readonly KnownServer[] {
    if (!this.#open) return []
    this.#lookAgain()
    return this.#parts.state.servers.filter(inForce)
  }

  /** What a person has agreed to start, in force or not yet. */
  approved(): readonly { readonly name: string; readonly server: ServerSpec }[] {
    return [...this.#parts.state.servers.filter(inForce), ...this.#trying]
  }

  /** What is agreed to of a server. The same object for as long as that does not change. */
  list(name: string): ToolList {
    return this.#lists.get(name) ?? NO_TOOLS
  }

  /** What a server says of itself now, and of what models read only what was agreed to. */
  about(name: string): JsonObject {
    const { about: agreed } = this.list(name)
    const { instructions, ...about } = this.running(name)?.session.about ?? agreed
    return instructions !== undefined && instructions === agreed['instructions'] ? { ...about, instructions } : about
  }

  running(name: string): Running | undefined {
    return this.#kept.get(name)?.running
  }

  /** Throws `MCP_SERVER_UNKNOWN` and `MCP_SERVER_CHANGED`. */
  known(name: string): KnownServer {
    const { servers } = this.#parts.state
    const found = servers.find((each) => each.name === name)
    if (found) return found
    throw new ClonedError('MCP_SERVER_UNKNOWN', {
      server: name,
      near: didYouMean(
        name,
        servers.map((each) => each.name),
      ),
    })
  }

  /** Runs work on the server. What keeps it from running has no effect; what the work throws is its own. */
  async use<T>(name: string, ctx: Acting, work: (running: Running) => Promise<T>): Promise<T> {
    const kept = await this.#keptFor(name)
    return await kept.supervising.run(ctx, async (running) => {
      kept.running = running
      if (running.exemption) {
        const { connector, reason, until, by } = running.exemption
        await ctx.record('connector.unconfined', { connector, reason, until: new Date(until).toISOString(), by })
      }
      return await work(running)
    })
  }

  /** Runs a server that is not in force yet, for as long as the work takes. */
  async tryOut<T>(
    name: string,
    server: ServerSpec,
    ctx: HandlerContext,
    work: (running: Running) => Promise<T>,
  ): Promise<T> {
    const trying = { name, server }
    this.#trying.add(trying)
    try {
      const running = await this.#start(name, server, ctx, () => [])
      try {
        return await work(running)
      } finally {
        running.kill()
        await running.ended
      }
    } finally {
      this.#trying.delete(trying)
    }
  }

  async stop(): Promise<void> {
    this.#open = false
    clearInterval(this.#looking)
    this.#looking = undefined
    const all = [...this.#kept.values()]
    this.#kept.clear()
    await Promise.all(all.map(({ supervising }) => supervising.stop()))
  }

  #lookAgain(): void {
    const { state, log } = this.#parts
    if (!state.stale) return
    this.refresh().then(
      () => {
        this.#warned = ''
      },
      (thrown: unknown) => {
        const error = describeThrown(thrown)
        if (error !== this.#warned) log.warn('MCP servers could not be read', { error })
        this.#warned = error
      },
    )
  }

  async #keptFor(name: string): Promise<Kept> {
    try {
      await this.refresh()
      const server = this.known(name)
      if (server.problem !== undefined) throw new ClonedError('MCP_SERVER_CHANGED', { name, problem: server.problem })
      if (!server.enabled) throw new ClonedError('MCP_SERVER_CHANGED', { name, problem: 'it is switched off' })
      return this.#keep(server)
    } catch (error) {
      if (!isClonedError(error)) throw error
      throw fail(error.message, { code: error.code, help: error.help })
    }
  }

  #keep({ name, server }: KnownServer): Kept {
    const key = specDigest(name, server)
    const known = this.#kept.get(name)
    if (known?.key === key) return known
    const { connectors, now, idleMs, concurrency } = this.#parts
    const supervising = connectors.supervise<Running, Acting>({
      connector: `mcp.${name}`,
      start: async (ctx) => {
        kept.running = await this.#start(name, server, ctx, () => this.list(name).tools)
        return kept.running
      },
      mayGoOn: ({ exemption }) => exemption === undefined || this.#holds(exemption),
      mayStillRun: () => this.#stillKept(kept, name),
      now,
      idleMs,
      concurrency,
    })
    const kept: Kept = { key, supervising, running: undefined }
    this.#kept.set(name, kept)
    return kept
  }

  /** Another process may have unwrapped it, switched it off or exchanged it meanwhile. What cannot be read runs nothing. */
  async #stillKept(kept: Kept, name: string): Promise<boolean> {
    await this.refresh().catch((error: unknown) => {
      this.#parts.log.warn('MCP servers could not be read', { error: describeThrown(error) })
      this.#kept.delete(name)
    })
    return this.#kept.get(name) === kept
  }

  async #start(name: string, server: ServerSpec, ctx: Acting, pinned: () => readonly JsonObject[]): Promise<Running> {
    const { now, relistMs, tell } = this.#parts
    let running: Running | undefined
    const { session, exemption } = await start(name, server, { ctx }, this.#parts, (method, params, client) => {
      if (method === 'notifications/tools/list_changed') running?.changed()
      tell({ server: name, method, params, ...(client === undefined ? {} : { client }) })
    })
    running = new Running(session, exemption, { name, pinned, now, relistMs })
    return running
  }

  async #holds({ connector, until }: NonNullable<Running['exemption']>): Promise<boolean> {
    const inForceNow = await this.#parts.sandbox.exemptions()
    return inForceNow.some((each) => each.connector === connector && each.until === until)
  }

  #listOf({ name, tools = '' }: KnownServer, lists: ToolLists): ToolList {
    try {
      return lists.get(name, tools)
    } catch (error) {
      if (!isClonedError(error)) throw error
      this.#parts.log.warn('the tools of an MCP server cannot be used', { server: name, error: error.message })
      return NO_TOOLS
    }
  }
}

function inForce({ enabled, problem }: KnownServer): boolean {
  return enabled && problem === undefined
}
