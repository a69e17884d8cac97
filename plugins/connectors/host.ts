// Runs the tools of the connectors that are offered now, each on its own worker; a connector that is not offered runs nothing.
import { describeThrown, fail, type HandlerContext, type Json } from 'cloned/kernel'
import { type PackageTool, toolIdAtGate } from '../package/slot.js'
import type { EnabledConnector, Registry } from '../registry/slot.js'
import type { SandboxExemption } from '../sandbox/slot.js'
import { type Launch, type LaunchParts, launch } from './launch.js'
import type { ConnectorsConfig } from './limits.js'
import type { DevelopedConnector } from './slot.js'
import { Supervisor } from './supervisor.js'
import { ConnectorTools, type Offered } from './tools.js'
import type { Worker } from './worker.js'

interface HostParts extends LaunchParts {
  readonly registry: Pick<Registry, 'enabled' | 'verifyNow'> | undefined
  readonly config: ConnectorsConfig
}

export class ConnectorHost {
  readonly tools: ConnectorTools
  readonly #parts: HostParts
  readonly #developed = new Map<string, DevelopedConnector & { readonly key: string }>()
  readonly #supervisors = new Map<string, Supervisor<Worker, HandlerContext>>()
  #revisions = 0

  constructor(parts: HostParts) {
    this.#parts = parts
    this.tools = new ConnectorTools((offered, tool, input, ctx) => this.#run(offered, tool, input, ctx))
  }

  /** What can be called now. A connector in development takes the place of an installed one. */
  offered(): readonly Offered[] {
    const own = [...this.#developed.values()]
    const ids = new Set(own.map(({ manifest }) => manifest.id))
    const installed = (this.#parts.registry?.enabled() ?? []).filter(({ id }) => !ids.has(id))
    return [...own, ...installed.map((each) => ({ key: each.digest, digest: each.digest, manifest: each.manifest }))]
  }

  running(): readonly string[] {
    return this.offered()
      .filter(({ key }) => this.#supervisors.get(key)?.alive)
      .map(({ manifest }) => manifest.id)
  }

  develop(connector: DevelopedConnector): void {
    this.#developed.set(connector.manifest.id, { ...connector, key: `development ${++this.#revisions}` })
    this.changed()
  }

  /** Ends the workers of what is not offered any more. */
  changed(): void {
    const keys = new Set(this.offered().map(({ key }) => key))
    for (const [key, supervisor] of this.#supervisors) {
      if (keys.has(key)) continue
      this.#supervisors.delete(key)
      void supervisor.stop()
    }
  }

  async stop(): Promise<void> {
    const all = [...this.#supervisors.values()]
    this.#supervisors.clear()
    await Promise.all(all.map((supervisor) => supervisor.stop()))
  }

  async #run(offered: Offered, tool: PackageTool, input: Json, ctx: HandlerContext): Promise<unknown> {
    const { id } = offered.manifest
    const call = { connector: id, toolId: toolIdAtGate(tool.id), tool, ctx, reached: 0, requests: 0 }
    return await this.#supervisor(offered).run(ctx, async (worker) => {
      const { exemption } = worker.process
      if (exemption) await recordExemption(ctx, exemption)
      if (ctx.signal.aborted) throw fail('The call was cancelled before it was passed on.')
      return await worker.call(call, input)
    })
  }

  #supervisor({ key, manifest: { id } }: Offered): Supervisor<Worker, HandlerContext> {
    // Between the vote and now it may have been disabled, replaced or quarantined.
    if (!this.offered().some((each) => each.key === key)) throw notOffered(id)
    const known = this.#supervisors.get(key)
    if (known) return known
    const { idleMs, concurrency } = this.#parts.config
    const start = () => this.#start(id, key)
    const mayGoOn = ({ process: { exemption } }: Worker) => exemption === undefined || this.#holds(exemption)
    const made = new Supervisor<Worker, HandlerContext>({
      connector: id,
      start,
      mayGoOn,
      mayStillRun: (worker) => this.#mayStillRun(worker, id, key),
      now: this.#parts.now,
      idleMs,
      concurrency,
    })
    this.#supervisors.set(key, made)
    return made
  }

  /** A word that has run out, or was taken back, does not keep a program out of the sandbox that it was started without. */
  async #holds(word: SandboxExemption): Promise<boolean> {
    const inForce = await this.#parts.sandbox.exemptions()
    return inForce.some(({ connector, until }) => connector === word.connector && until === word.until)
  }

  async #start(id: string, key: string): Promise<Worker> {
    // What was said of an installed connector was not said of a source that calls itself so.
    const unsigned = this.#developed.get(id)?.key === key
    const parts = unsigned ? confined(this.#parts) : this.#parts
    const worker = await launch(await this.#verified(id, key), parts)
    try {
      // Its files could be changed between their being hashed and their being loaded.
      await this.#verified(id, key)
    } catch (error) {
      worker.kill()
      throw error
    }
    return worker
  }

  /** What cannot be found out is no leave to run. */
  async #mayStillRun({ process: { exemption } }: Worker, id: string, key: string): Promise<boolean> {
    try {
      await this.#verified(id, key)
      return exemption === undefined || (await this.#holds(exemption))
    } catch (error) {
      this.#parts.log.warn(`${id} is ended in the middle of its work`, { problem: describeThrown(error) })
      return false
    }
  }

  async #verified(id: string, key: string): Promise<Launch> {
    const developed = this.#developed.get(id)
    if (developed?.key === key) return developed
    const verified: EnabledConnector | undefined = await this.#parts.registry?.verifyNow(id)
    if (verified?.digest !== key) throw notOffered(id)
    return verified
  }
}

/** For programs that no exemption is for. */
export function confined(parts: LaunchParts): LaunchParts {
  const { confine } = parts.sandbox
  return { ...parts, sandbox: { ...parts.sandbox, start: confine } }
}

/** Makes known, before the call runs, that its program is not confined. */
export async function recordExemption(
  ctx: HandlerContext,
  { connector, reason, until, by }: SandboxExemption,
): Promise<void> {
  await ctx.record('connector.unconfined', { connector, reason, until: new Date(until).toISOString(), by })
}

/** The failure of a call whose connector was disabled, replaced or quarantined after it was judged. */
export function notOffered(id: string) {
  return fail(`The connector ${id} has changed since the call was judged.`, { code: 'CONNECTOR_CHANGED' })
}
