// Runs each call of a connector's tool in a process of its own, which ends with it; no call sees what another one left.
import { fail, type HandlerContext, type Json } from 'cloned/kernel'
import {
  confined,
  type DevelopedConnector,
  type LaunchParts,
  launch,
  notOffered,
  notStarted,
  type Offered,
  recordExemption,
} from 'cloned/plugins/connectors'
import { type PackageTool, toolIdAtGate } from 'cloned/plugins/package'
import type { Registry } from 'cloned/plugins/registry'

type Running = { readonly id: string; readonly key: string; readonly worker: Awaited<ReturnType<typeof launch>> }

/** Processes at once, of all connectors. */
const MOST = 16

export class OneShotRunner {
  readonly #parts: LaunchParts
  readonly #registry: Pick<Registry, 'enabled' | 'verifyNow'> | undefined
  readonly #developed = new Map<string, DevelopedConnector & { readonly key: string }>()
  readonly #running = new Set<Running>()
  #revisions = 0
  #starting = 0

  constructor(parts: LaunchParts, registry: Pick<Registry, 'enabled' | 'verifyNow'> | undefined) {
    this.#parts = parts
    this.#registry = registry
  }

  /** A connector in development takes the place of an installed one. */
  offered(): readonly Offered[] {
    const own = [...this.#developed.values()]
    const installed = (this.#registry?.enabled() ?? []).filter(({ id }) => !this.#developed.has(id))
    return [...own, ...installed.map(({ digest, manifest }) => ({ key: digest, digest, manifest }))]
  }

  develop(connector: DevelopedConnector): void {
    this.#developed.set(connector.manifest.id, { ...connector, key: `development ${++this.#revisions}` })
    this.changed()
  }

  running(): readonly string[] {
    return [...new Set([...this.#running].map(({ id }) => id))].sort()
  }

  /** Ends what is at work for a connector that is not offered any more. */
  changed(): void {
    const keys = new Set(this.offered().map(({ key }) => key))
    for (const { key, worker } of this.#running) if (!keys.has(key)) worker.kill('it may not run any more')
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#running].map(({ worker }) => worker.stop()))
  }

  async run({ key, manifest: { id } }: Offered, tool: PackageTool, input: Json, ctx: HandlerContext): Promise<unknown> {
    if (this.#running.size + this.#starting >= MOST) {
      throw fail(`${MOST} calls of connectors are at work. Call again.`, { code: 'CONNECTOR_BUSY' })
    }
    this.#starting++
    const starting = this.#start(id, key).finally(() => this.#starting--)
    const worker = await starting.catch((error: unknown) => Promise.reject(notStarted(error)))
    const running: Running = { id, key, worker }
    this.#running.add(running)
    try {
      if (worker.process.exemption) await recordExemption(ctx, worker.process.exemption)
      if (ctx.signal.aborted) throw fail('The call was cancelled before it was passed on.')
      const call = { connector: id, toolId: toolIdAtGate(tool.id), tool, ctx, reached: 0, requests: 0 }
      return await worker.call(call, input)
    } finally {
      await worker.stop()
      this.#running.delete(running)
    }
  }

  async #start(id: string, key: string): Promise<Running['worker']> {
    // What was said of an installed connector was not said of a source that calls itself so.
    const unsigned = this.#developed.get(id)?.key === key
    const worker = await launch(await this.#verified(id, key), unsigned ? confined(this.#parts) : this.#parts)
    try {
      // Its files could be changed between their being hashed and their being loaded.
      await this.#verified(id, key)
      return worker
    } catch (error) {
      worker.kill()
      throw error
    }
  }

  async #verified(id: string, key: string): Promise<DevelopedConnector> {
    const developed = this.#developed.get(id)
    if (developed?.key === key) return developed
    const verified = developed ? undefined : await this.#registry?.verifyNow(id)
    if (verified?.digest === key) return verified
    throw notOffered(id)
  }
}
