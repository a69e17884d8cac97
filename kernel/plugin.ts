// Defines what a plugin is: a manifest of everything it touches and a synchronous setup; runs none of it.
import type { ActionKind } from './action.js'
import type { Executor, Reserve } from './contracts.js'
import { ClonedError } from './errors.js'
import type { CheckHook, GuardHook, Hook, NotifyHook, ObserveHook, ReserveHook, TransformHook } from './hooks.js'
import type { JsonObject } from './json.js'
import { didYouMean } from './nearest.js'
import {
  type Collection,
  type Contribution,
  type OptionalSlot,
  type Requirement,
  requirement,
  type Slot,
} from './token.js'
import type { Verdict } from './verdict.js'

/** A JSON Schema 2020-12 object with the TypeScript type it describes, stated by the author. */
export interface ConfigSchema<T> {
  readonly schema: JsonObject
  readonly T?: T
}

/** Names the type of a configuration schema. Unknown keys should be refused: `additionalProperties: false`. */
export function configSchema<T>(schema: JsonObject): ConfigSchema<T> {
  return Object.freeze({ schema })
}

// biome-ignore lint/suspicious/noExplicitAny: records of tokens and kinds of different types, inferred member by member
type Any = any
type Tokens = Readonly<Record<string, Slot<Any>>>
type Lists = Readonly<Record<string, Collection<Any>>>
type Needs = Readonly<Record<string, Requirement>>

type ServiceOf<N> = N extends OptionalSlot<infer T> ? T | undefined : N extends Slot<infer T> ? T : never
type ItemOf<C> = C extends Collection<infer T> ? T : never
type SubjectOf<H> = H extends { readonly Subject?: infer S } ? S : never

/** What setup returns: one value per provided or wrapped slot, one array per collection that the plugin contributes to. */
export type SetupResult<P, C> = [keyof P | keyof C] extends [never]
  ? // biome-ignore lint/suspicious/noConfusingVoidType: a setup that gives nothing may be an arrow to a void call
    void
  : { readonly [K in keyof P]: ServiceOf<P[K]> } & { readonly [K in keyof C]: readonly ItemOf<C[K]>[] }

/** What a guard may answer. */
export type GuardAnswer = Verdict | undefined
type Maybe<T> = T | Promise<T>

/** What a handler that may take time gets besides its subject. */
export interface HookContext {
  /** Aborts at the handler's deadline. Made when it is first read. */
  readonly signal: AbortSignal
}

/** Registers handlers. One method per kind of hook; each hook at most once per plugin, inside `setup` only. */
export interface HookRegistrar<T extends Hook, F extends Hook> {
  /** Rewrites a value, or returns nothing to keep it. Deterministic, without side effects. */
  transform<H extends Extract<T, TransformHook<Any, Any>>>(
    hook: H,
    handler: (
      subject: SubjectOf<H>,
      ctx: HookContext,
    ) => Maybe<(H extends TransformHook<Any, infer Out> ? Out : never) | undefined>,
  ): void
  /** Votes. No side effects: the same action may be voted on several times. */
  guard<H extends Extract<T, GuardHook<Any> | CheckHook<Any>>>(
    hook: H,
    handler: (subject: SubjectOf<H>, ctx: HookContext) => Maybe<GuardAnswer>,
  ): void
  /** Takes before and settles after. */
  reserve<H extends Extract<T, ReserveHook<Any>>>(hook: H, handler: Reserve<SubjectOf<H>>): void
  /** Delivers to a person; answers `true` when it was delivered. */
  notify<H extends Extract<T, NotifyHook<Any>>>(
    hook: H,
    handler: (subject: SubjectOf<H>, ctx: HookContext) => Maybe<boolean>,
  ): void
  /** Hears of something that has happened. */
  observe<H extends Extract<T, ObserveHook<Any>>>(
    hook: H,
    handler: (subject: SubjectOf<H>, ctx: HookContext) => Maybe<void>,
  ): void
  /** Fires an `observe` hook that the manifest lists under `fires`; never throws, never waits for the handlers. */
  fire<H extends Extract<F, ObserveHook<Any>>>(hook: H, subject: SubjectOf<H>): void
}

/** A diagnostic logger. It is never the audit path. */
export interface Logger {
  debug(message: string, fields?: JsonObject): void
  info(message: string, fields?: JsonObject): void
  warn(message: string, fields?: JsonObject): void
  error(message: string, fields?: JsonObject): void
}

/** What `setup` gets. */
export interface SetupContext<
  R extends Needs,
  W extends Tokens,
  O extends Lists,
  T extends Hook,
  F extends Hook,
  K extends ActionKind<Any, Any>,
  Cfg,
> {
  /** The services under `requires`. Methods of a service may be called from `onStart` on. */
  readonly deps: { readonly [N in keyof R]: ServiceOf<R[N]> }
  /** The services under `wraps`, as they are inside of this plugin. Methods may be called from `onStart` on. */
  readonly inner: { readonly [N in keyof W]: ServiceOf<W[N]> }
  /** The collections under `owns`; each is read by calling it, from `onStart` on. */
  readonly collected: { readonly [L in keyof O]: () => readonly Contribution<ItemOf<O[L]>>[] }
  /** Validated configuration, with the schema's defaults filled in, frozen. */
  readonly config: Cfg
  readonly hooks: HookRegistrar<T, F>
  readonly actions: {
    /** Registers the executor of a kind that the manifest lists under `executes`. */
    execute<A extends K>(kind: A, executor: A extends ActionKind<infer I, infer Out> ? Executor<I, Out> : never): void
  }
  /** Input and output start here, in dependency order. May be called several times. */
  onStart(step: () => void | Promise<void>): void
  /** Stop taking new work and finish what is in hand; runs for every plugin before any `onStop`. */
  onDrain(step: () => void | Promise<void>): void
  /** Releases everything. Legal without start, and twice. Runs in exact reverse of the order of registration. */
  onStop(step: () => void | Promise<void>): void
  readonly log: Logger
  /** The kernel's clock, milliseconds since 1970. */
  readonly now: () => number
}

/** How far a plugin's contracts may be relied on. */
export type Stability = 'experimental' | 'beta' | 'stable' | 'deprecated'

interface ManifestFields<P, W, R, C, O, T, F, K> {
  /** Lower-case words joined by `.` or `-`, at least two: `acme.kms`. */
  readonly id: string
  readonly version: string
  /** Semver range of the kernel. */
  readonly kernel: string
  readonly stability?: Stability
  readonly description?: string
  /** Slots this plugin uses. */
  readonly requires?: R
  /** Slots this plugin owns. */
  readonly provides?: P
  /** Slots of others that this plugin stands around, where the distribution lists it under `wrap`. */
  readonly wraps?: W
  /** Lists this plugin adds to. */
  readonly contributes?: C
  /** Lists this plugin reads. */
  readonly owns?: O
  /** Hooks this plugin registers handlers on. */
  readonly taps?: readonly T[]
  /** Hooks this plugin fires. */
  readonly fires?: readonly F[]
  /** Kinds of action this plugin executes. */
  readonly executes?: readonly K[]
  /** Prefixes of tool ids that its dynamic sources claim, each ending in a dot: `acme.mcp.`. */
  readonly toolPrefixes?: readonly string[]
}

/** A plugin as its author writes it. */
export interface PluginDefinition<
  P extends Tokens,
  W extends Tokens,
  R extends Needs,
  C extends Lists,
  O extends Lists,
  T extends Hook,
  F extends Hook,
  K extends ActionKind<Any, Any>,
  Cfg,
> extends ManifestFields<P, W, R, C, O, T, F, K> {
  /** Schema of the plugin's configuration; without one it takes none. */
  readonly config?: ConfigSchema<Cfg>
  /** Declares and wires, synchronously and without input or output. */
  setup(ctx: SetupContext<R, W, O, T, F, K, Cfg>): SetupResult<NoInfer<P & W>, NoInfer<C>>
}

/** A plugin as the kernel sees it. */
export interface Plugin {
  readonly tag: 'cloned.plugin'
  readonly tagVersion: 1
  readonly manifest: Readonly<
    Required<ManifestFields<Tokens, Tokens, Needs, Lists, Lists, Hook, Hook, ActionKind<Any, Any>>>
  >
  readonly config: ConfigSchema<unknown> | undefined
  readonly setup: (ctx: Any) => unknown
}

/** Every token that a plugin names in its manifest. */
export function tokensOf({ manifest }: Plugin): readonly (Slot<unknown> | Collection<unknown> | Hook | ActionKind)[] {
  const { requires, provides, wraps, contributes, owns, taps, fires, executes } = manifest
  return [
    ...Object.values(requires).map((need) => requirement(need).slot),
    ...Object.values(provides),
    ...Object.values(wraps),
    ...Object.values(contributes),
    ...Object.values(owns),
    ...taps,
    ...fires,
    ...executes,
  ]
}

/** Lower-case words joined by '.' or '-', at least two. */
export const PLUGIN_ID = /^[a-z][a-z0-9]*([.-][a-z0-9]+)+$/

const FIELDS = [
  'id',
  'version',
  'kernel',
  'stability',
  'description',
  'requires',
  'provides',
  'wraps',
  'contributes',
  'owns',
  'taps',
  'fires',
  'executes',
  'toolPrefixes',
]

/** A frozen copy; what is no record and no list is left for the planner to report. */
function frozen<V>(value: V): V {
  if (typeof value !== 'object' || value === null) return value
  return Object.freeze(Array.isArray(value) ? [...value] : { ...value }) as V
}

/** Defines a plugin. Checks nothing but the shape; the planner reports everything else, all at once. */
export function definePlugin<
  // biome-ignore lint/complexity/noBannedTypes: an absent record has no members
  P extends Tokens = {},
  // biome-ignore lint/complexity/noBannedTypes: as above
  W extends Tokens = {},
  // biome-ignore lint/complexity/noBannedTypes: as above
  R extends Needs = {},
  // biome-ignore lint/complexity/noBannedTypes: as above
  C extends Lists = {},
  // biome-ignore lint/complexity/noBannedTypes: as above
  O extends Lists = {},
  T extends Hook = never,
  F extends Hook = never,
  K extends ActionKind<Any, Any> = never,
  Cfg = undefined,
>(definition: PluginDefinition<P, W, R, C, O, T, F, K, Cfg>): Plugin {
  if (typeof definition?.setup !== 'function') {
    throw new ClonedError('PLUGIN_INVALID', { plugin: `"${definition?.id}"`, problem: 'it has no setup function' })
  }
  const { setup, config, ...fields } = definition
  for (const key of Object.keys(fields)) {
    if (FIELDS.includes(key)) continue
    const problem = `it has an unknown field "${key}"${didYouMean(key, FIELDS)}`
    throw new ClonedError('PLUGIN_INVALID', { plugin: `"${fields.id}"`, problem })
  }
  return Object.freeze({
    tag: 'cloned.plugin' as const,
    tagVersion: 1 as const,
    manifest: Object.freeze({
      id: fields.id,
      version: fields.version,
      kernel: fields.kernel,
      stability: fields.stability ?? 'experimental',
      description: fields.description ?? '',
      requires: frozen(fields.requires ?? ({} as R)),
      provides: frozen(fields.provides ?? ({} as P)),
      wraps: frozen(fields.wraps ?? ({} as W)),
      contributes: frozen(fields.contributes ?? ({} as C)),
      owns: frozen(fields.owns ?? ({} as O)),
      taps: frozen(fields.taps ?? []),
      fires: frozen(fields.fires ?? []),
      executes: frozen(fields.executes ?? []),
      toolPrefixes: frozen(fields.toolPrefixes ?? []),
    }),
    config: config as ConfigSchema<unknown> | undefined,
    setup: setup as (ctx: unknown) => unknown,
  })
}
