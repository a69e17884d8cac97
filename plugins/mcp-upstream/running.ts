// One running server and how its tools stand to what was agreed to; a tool is called only while its contract is that one.
import { setTimeout as sleep } from 'node:timers/promises'
import { ClonedError, fail, type Json, type JsonObject } from 'cloned/kernel'
import type { Supervised } from '../connectors/slot.js'
import type { SandboxExemption } from '../sandbox/slot.js'
import type { Acting } from './link.js'
import { isObject } from './peer.js'
import { goThrough, type Standing, standings } from './pins.js'
import type { Session } from './session.js'

export interface RunningParts {
  readonly name: string
  /** The tools that are agreed to now. */
  readonly pinned: () => readonly JsonObject[]
  readonly now: () => number
  /** How long a list is relied on when its server says nothing. */
  readonly relistMs: number
}

/** A list that is gone through faster may change as often as its server likes; any other has this share of the time. */
const SOON_MS = 500
const SHARE = 3

const PROBLEMS: Readonly<Record<Standing['state'], string>> = {
  same: '',
  new: 'nobody has agreed to it yet',
  changed: 'what its server says of it is not what was agreed to',
  gone: 'its server does not list it any more',
  broken: '',
}

export class Running implements Supervised {
  readonly session: Session
  readonly exemption: SandboxExemption | undefined
  readonly #parts: RunningParts
  #standings: ReadonlyMap<string, Standing> = new Map()
  #list: readonly JsonObject[] = []
  #pinned: readonly JsonObject[] | undefined
  #listedAt = 0
  #listing: Promise<void> | undefined
  #again = true
  #restUntil = 0
  readonly #told = new Set<string>()

  constructor(session: Session, exemption: SandboxExemption | undefined, parts: RunningParts) {
    this.session = session
    this.exemption = exemption
    this.#parts = parts
  }

  get ended(): Promise<string | undefined> {
    return this.session.ended
  }

  stop(): Promise<void> {
    return this.session.stop()
  }

  kill(): void {
    this.session.kill()
  }

  /** Passes a notification of a client on. Its way has no requests to be lost with: one that cannot leave is no news. */
  async notify(method: string, params: JsonObject): Promise<void> {
    await this.session.notify(method, params, undefined).catch(() => undefined)
  }

  /** Its list is not to be relied on any more. */
  changed(): void {
    this.#again = true
  }

  /** The sound tools of the last list. */
  get list(): readonly JsonObject[] {
    return this.#list
  }

  get standings(): ReadonlyMap<string, Standing> {
    return this.#standings
  }

  /** Why a tool must not be called, as far as it is known now. */
  problem(tool: string): string | undefined {
    const standing = this.#standings.get(tool)
    if (!standing || standing.state === 'same') return undefined
    return standing.state === 'broken' ? standing.problem : PROBLEMS[standing.state]
  }

  /** Throws `MCP_TOOL_QUARANTINED`, after a record in the audit log, for a tool that is not as it was agreed to. */
  async mustBeSame(tool: string, ctx: Acting): Promise<void> {
    const { now, relistMs, pinned, name } = this.#parts
    const late = now() - this.#listedAt > relistMs || now() < this.#listedAt
    if (this.#again || late || pinned() !== this.#pinned) await this.relist(ctx)
    if (this.#standings.get(tool)?.state === 'same') return
    const problem = this.problem(tool) ?? PROBLEMS.gone
    if (!this.#told.has(`${tool} ${problem}`)) {
      this.#told.add(`${tool} ${problem}`)
      await ctx.record('mcp.quarantine', { server: name, tool: tool.slice(0, 200), problem })
    }
    const { message, code, help } = new ClonedError('MCP_TOOL_QUARANTINED', { name, tool, problem })
    throw fail(message, { code, help })
  }

  /** Asks for the list anew; calls at the same time share it. */
  async relist(ctx: Acting): Promise<void> {
    this.#listing ??= this.#relist(ctx).finally(() => {
      this.#listing = undefined
    })
    await this.#listing.catch((error: unknown) => {
      this.#again = true
      throw error
    })
  }

  async #relist(ctx: Acting): Promise<void> {
    const rest = this.#restUntil - performance.now()
    if (rest > 0) await sleep(rest, undefined, { signal: ctx.signal, ref: false })
    // What changes while it is asked for is asked for again.
    this.#again = false
    const { capabilities } = this.session.about
    const none = !isObject(capabilities) || capabilities['tools'] === undefined
    const items: readonly Json[] = none ? [] : await this.session.list('tools/list', 'tools', { ctx })
    const since = performance.now()
    const listed = await goThrough(items)
    const took = performance.now() - since
    this.#restUntil = took < SOON_MS ? 0 : since + took * SHARE
    this.#pinned = this.#parts.pinned()
    this.#list = [...listed.sound.values()]
    this.#standings = standings(this.#pinned, listed)
    this.#listedAt = this.#parts.now()
  }
}
