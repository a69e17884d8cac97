// Runs every plugin's setup and keeps what it registered, by owner; touching anything undeclared must throw.
import type { ActionKind } from './action.js'
import { type Executor, type Gate, gateSlot } from './contracts.js'
import { isThenable } from './deadline.js'
import { ClonedError, describeThrown } from './errors.js'
import type { Registration } from './hook.js'
import type { Hook, HookKind } from './hooks.js'
import type { BootPlan } from './plan.js'
import type { Logger, Plugin } from './plugin.js'
import { type Contribution, requirement } from './token.js'

/** A step of a plugin's life. */
export interface Step {
  readonly plugin: string
  readonly run: () => void | Promise<void>
}

/** A kind with its executor. */
export interface RegisteredExecutor {
  readonly plugin: string
  readonly kind: ActionKind
  readonly executor: Executor
}

/** Everything that plugins registered. Complete, and closed, once every setup has run. */
export interface Registry {
  readonly services: ReadonlyMap<string, unknown>
  readonly handlers: ReadonlyMap<string, readonly Registration<unknown>[]>
  readonly contributions: ReadonlyMap<string, readonly Contribution<unknown>[]>
  readonly executors: ReadonlyMap<string, RegisteredExecutor>
  readonly starts: readonly Step[]
  readonly drains: readonly Step[]
  readonly stops: readonly Step[]
}

/** What setup needs of the kernel. */
export interface SetupHost {
  readonly gate: Gate
  readonly now: () => number
  readonly log: (plugin: string) => Logger
  /** What others get for the service that a plugin provides for a slot. */
  readonly service: (slot: string, given: unknown) => unknown
  /** Fires an observe hook on behalf of a plugin. */
  readonly fire: (hook: Hook, subject: unknown) => void
}

/** Runs setups in the order of the plan. Throws the first failure: what comes after may depend on it. */
export function setupAll(plan: BootPlan, host: SetupHost): Registry {
  const book = new Book()
  book.services.set(gateSlot.id, host.gate)
  for (const plugin of plan.plugins) new PluginSetup(plugin, plan, book, host).run()
  book.sealed = true
  return book
}

class Book implements Registry {
  readonly services = new Map<string, unknown>()
  readonly handlers = new Map<string, Registration<unknown>[]>()
  readonly contributions = new Map<string, Contribution<unknown>[]>()
  readonly executors = new Map<string, RegisteredExecutor>()
  readonly starts: Step[] = []
  readonly drains: Step[] = []
  readonly stops: Step[] = []
  sealed = false
}

const HANDLER_SHAPE: Readonly<Record<HookKind, string>> = {
  transform: 'hooks.transform',
  guard: 'hooks.guard',
  check: 'hooks.guard',
  reserve: 'hooks.reserve',
  notify: 'hooks.notify',
  observe: 'hooks.observe',
}
const RESERVE_METHODS = ['peek', 'take', 'settle', 'unsettled', 'settledUpTo', 'restore'] as const

class PluginSetup {
  readonly #plugin: Plugin
  readonly #id: string
  readonly #plan: BootPlan
  readonly #book: Book
  readonly #host: SetupHost
  readonly #tapped = new Set<string>()
  #open = true

  constructor(plugin: Plugin, plan: BootPlan, book: Book, host: SetupHost) {
    this.#plugin = plugin
    this.#id = plugin.manifest.id
    this.#plan = plan
    this.#book = book
    this.#host = host
  }

  run(): void {
    const result = this.#call()
    this.#open = false
    this.#takeResult(result)
    for (const hook of this.#plugin.manifest.taps) {
      if (!this.#tapped.has(hook.id)) throw new ClonedError('HOOK_UNUSED', { plugin: this.#id, hook: hook.id })
    }
    for (const kind of this.#plugin.manifest.executes) {
      if (!this.#book.executors.has(kind.id))
        throw new ClonedError('KIND_UNHANDLED', { plugin: this.#id, kind: kind.id })
    }
  }

  #call(): unknown {
    try {
      const result = this.#plugin.setup(this.#context())
      if (isThenable(result)) throw new ClonedError('SETUP_ASYNC', { plugin: this.#id }, { plugin: this.#id })
      return result
    } catch (error) {
      if (error instanceof ClonedError) throw error
      throw new ClonedError(
        'SETUP_FAILED',
        { plugin: this.#id, cause: describeThrown(error) },
        { plugin: this.#id, cause: error },
      )
    }
  }

  #context() {
    const { manifest } = this.#plugin
    const step = (list: Step[], what: string) => (run: Step['run']) => {
      this.#mustBeOpen(what)
      list.push({ plugin: this.#id, run })
    }
    return Object.freeze({
      deps: Object.freeze(this.#deps()),
      collected: Object.freeze(this.#collected()),
      config: this.#plan.configs.get(this.#id),
      hooks: Object.freeze(this.#registrar()),
      actions: Object.freeze({ execute: (kind: ActionKind, executor: Executor) => this.#execute(kind, executor) }),
      onStart: step(this.#book.starts, 'register a start step'),
      onDrain: step(this.#book.drains, 'register a drain step'),
      onStop: step(this.#book.stops, 'register a stop step'),
      log: this.#host.log(manifest.id),
      now: this.#host.now,
    })
  }

  #deps(): Record<string, unknown> {
    const needs = Object.entries(this.#plugin.manifest.requires)
    return Object.fromEntries(needs.map(([name, need]) => [name, this.#book.services.get(requirement(need).slot.id)]))
  }

  #collected(): Record<string, () => readonly Contribution<unknown>[]> {
    const owned = Object.entries(this.#plugin.manifest.owns)
    return Object.fromEntries(
      owned.map(([name, { id }]) => [
        name,
        () => {
          if (!this.#book.sealed) throw new ClonedError('SLOT_EARLY', { plugin: this.#id, collection: id })
          return this.#book.contributions.get(id) ?? []
        },
      ]),
    )
  }

  #registrar(): Record<string, unknown> {
    const method = (name: string) => (hook: Hook, handler: unknown) => this.#tap(name, hook, handler)
    return {
      transform: method('hooks.transform'),
      guard: method('hooks.guard'),
      reserve: method('hooks.reserve'),
      notify: method('hooks.notify'),
      observe: method('hooks.observe'),
      fire: (hook: Hook, subject: unknown) => {
        if (!this.#plugin.manifest.fires.some(({ id }) => id === hook.id)) throw this.#undeclared(hook, 'fires')
        this.#host.fire(hook, subject)
      },
    }
  }

  #tap(method: string, hook: Hook, handler: unknown): void {
    this.#mustBeOpen(`register a handler on ${hook?.id}`)
    const declared = this.#plugin.manifest.taps.find(({ id }) => id === hook?.id)
    if (!declared) throw this.#undeclared(hook, 'taps')
    const expected = HANDLER_SHAPE[declared.kind]
    const found = (what: string) =>
      new ClonedError(
        'HOOK_HANDLER_INVALID',
        { plugin: this.#id, hook: hook.id, found: what, expected },
        { plugin: this.#id },
      )
    if (method !== expected) throw found(`with ${method}`)
    if (this.#tapped.has(hook.id)) throw found('a second handler')
    const fits =
      declared.kind === 'reserve'
        ? RESERVE_METHODS.every((name) => typeof (handler as Record<string, unknown> | null)?.[name] === 'function')
        : typeof handler === 'function'
    if (!fits) throw found(handler === null ? 'null' : typeof handler)
    this.#tapped.add(hook.id)
    const list = this.#book.handlers.get(hook.id) ?? []
    this.#book.handlers.set(hook.id, [...list, { plugin: this.#id, handler }])
  }

  #execute(kind: ActionKind, executor: Executor): void {
    this.#mustBeOpen(`execute ${kind?.id}`)
    const { executes } = this.#plugin.manifest
    if (!executes.some(({ id }) => id === kind?.id)) {
      throw new ClonedError('HOOK_UNDECLARED', { plugin: this.#id, hook: String(kind?.id), field: 'executes' })
    }
    this.#book.executors.set(kind.id, { plugin: this.#id, kind, executor })
  }

  #takeResult(result: unknown): void {
    const { provides, contributes } = this.#plugin.manifest
    const given = (result ?? {}) as Record<string, unknown>
    for (const name of Object.keys(given)) {
      if (!Object.hasOwn(provides, name) && !Object.hasOwn(contributes, name)) {
        throw new ClonedError('PROVIDES_UNDECLARED', { plugin: this.#id, name })
      }
    }
    for (const [name, slot] of Object.entries(provides)) {
      if (given[name] === undefined || given[name] === null) throw this.#missing('slot', name)
      this.#book.services.set(slot.id, this.#host.service(slot.id, given[name]))
    }
    for (const [name, { id }] of Object.entries(contributes)) {
      const items = given[name]
      if (!Array.isArray(items)) throw this.#missing('collection', name)
      const list = this.#book.contributions.get(id) ?? []
      this.#book.contributions.set(id, [...list, ...items.map((item) => ({ plugin: this.#id, item }))])
    }
  }

  #missing(kind: string, name: string): ClonedError {
    return new ClonedError('PROVIDES_MISSING', { plugin: this.#id, kind, name }, { plugin: this.#id })
  }

  #undeclared(hook: Hook | undefined, field: string): ClonedError {
    return new ClonedError('HOOK_UNDECLARED', { plugin: this.#id, hook: String(hook?.id), field }, { plugin: this.#id })
  }

  #mustBeOpen(what: string): void {
    if (!this.#open) throw new ClonedError('KERNEL_SEALED', { plugin: this.#id, what }, { plugin: this.#id })
  }
}
