// Describes a distribution: which plugins, who owns a contested slot, which guards must be present; data only.
import type { Json } from './json.js'
import type { Plugin } from './plugin.js'

/** A plugin with its configuration. */
export interface Use {
  readonly plugin: Plugin
  readonly config: Json
}

/** Lists a plugin with configuration. */
export function use(plugin: Plugin, config: Json): Use {
  return { plugin, config }
}

/** How long steps may take and how large values may be. Times in milliseconds. */
export interface Limits {
  readonly guardMs: number
  readonly transformMs: number
  readonly checkMs: number
  readonly reserveMs: number
  readonly notifyMs: number
  readonly observeMs: number
  /** How long the audit log may take to make a record durable. */
  readonly recordMs: number
  readonly approvalsMs: number
  readonly startMs: number
  readonly drainMs: number
  readonly stopMs: number
  /** Depth of nested actions. */
  readonly depth: number
  readonly input: { readonly depth: number; readonly bytes: number }
  readonly output: { readonly depth: number; readonly bytes: number }
}

/** The limits of a distribution that sets none. */
export const DEFAULT_LIMITS: Limits = Object.freeze({
  guardMs: 2_000,
  transformMs: 2_000,
  checkMs: 1_000,
  reserveMs: 5_000,
  notifyMs: 5_000,
  observeMs: 10_000,
  recordMs: 30_000,
  approvalsMs: 10_000,
  startMs: 10_000,
  drainMs: 30_000,
  stopMs: 5_000,
  depth: 8,
  input: Object.freeze({ depth: 64, bytes: 1024 * 1024 }),
  output: Object.freeze({ depth: 64, bytes: 16 * 1024 * 1024 }),
})

/** A distribution as its author writes it. */
export interface Distribution {
  readonly name: string
  readonly version: string
  readonly plugins: readonly (Plugin | Use)[]
  /** Slot id → id of the plugin that owns it. The other provider is unloaded with everything it registered. */
  readonly replace?: Readonly<Record<string, string>>
  /** Slot id → ids of the plugins that wrap it, innermost first. Only who is named here wraps. */
  readonly wrap?: Readonly<Record<string, readonly string[]>>
  /** Ids of listed plugins to leave out. */
  readonly omit?: readonly string[]
  /** Hook id → slot ids (meaning the slot's owner) or plugin ids whose guard must be present and vote. */
  readonly requireGuards?: Readonly<Record<string, readonly string[]>>
  /** Slot ids or plugin ids whose `allow()` counts. Default: the owner of slot `cloned.policy`. */
  readonly mayAllow?: readonly string[]
  readonly limits?: Partial<Limits>
}

/**
 * The plugin of an entry. A host without types may have put anything there, `undefined` for a misspelt import included.
 * The answer is what stands there, unread.
 */
export function pluginOf(entry: Plugin | Use | undefined): Plugin | undefined {
  return typeof entry === 'object' && entry !== null && 'plugin' in entry ? entry.plugin : entry
}

/** The slot whose owner may allow when the distribution does not say who may. */
export const POLICY_SLOT_ID = 'cloned.policy'

/** Types a distribution. The planner checks it. */
export function defineDistribution(distribution: Distribution): Distribution {
  return Object.freeze({ ...distribution })
}
