// Gives plugins a way out of their own, to the hosts that their configuration declares; it never widens what agents may reach.
import { compileEgress } from './decide.js'
import { SafeFetch, type SafeFetchParts } from './safe-fetch.js'
import type { PluginCaller, PluginFetch } from './slot.js'

/** The ways out that were given. */
export class PluginEgress {
  readonly #parts: Omit<SafeFetchParts, 'rules'>
  readonly #open: SafeFetch[] = []

  constructor(parts: Omit<SafeFetchParts, 'rules'>) {
    this.#parts = parts
  }

  /** Throws `EGRESS_RULES`. */
  forPlugin({ plugin, hosts }: PluginCaller): PluginFetch {
    const allow = hosts.map((host) => ({ ...host, at: `the configuration of ${plugin}` }))
    const rules = { epoch: 0, decide: compileEgress({ global: { deny: [], allow }, connectors: {}, tools: {} }) }
    const safe = new SafeFetch({ ...this.#parts, rules: () => rules })
    this.#open.push(safe)
    return (url, init = {}) =>
      safe.fetch({ tool: plugin }, String(url), init, () => undefined, init.signal ? [init.signal] : [])
  }

  /** Ends what is under way. Legal twice. */
  async close(): Promise<void> {
    await Promise.all(this.#open.map((safe) => safe.close()))
  }
}
