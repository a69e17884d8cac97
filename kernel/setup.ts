// Runs every plugin's setup and keeps what it registered, by owner; touching anything undeclared must throw.
import type { ActionKind } from './action.js'
import { adaptHandler } from './adapt-handler.js'
import { adapt, fits } from './adapter.js'
import { type Executor, type Gate, gateSlot } from './contracts.js'
import { isThenable } from './deadline.js'
import { ClonedError, describeThrown } from './errors.js'
import type { Registration } from './hook.js'
import type { Hook, HookKind } from './hooks.js'
import type { BootPlan } from './plan.js'
import { KERNEL_ID, KERNEL_SLOTS, type Layer } from './plan-layers.js'
import { skew } from './plan-slots.js'
import type { Logger, Plugin } from './plugin.js'
import { type Contribution, type Requirement, requirement, type Slot } from './token.js'

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
  /** The outermost service of a slot, for who was built for this token; `undefined` without an owner. */
  service(slot: Slot<unknown>): unknown
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
  const book = new Book(host.service)
  book.provide(KERNEL_ID, gateSlot, host.gate)
  for (const plugin of plan.plugins) new PluginSetup(plugin, plan, book, host).run()
  book.sealed = true
  return book
}

class Book implements Registry {
  readonly #services = new Map<string, { readonly value: unknown } & Layer>()
  readonly #given: SetupHost['service']
  readonly handlers = new Map<string, Registration<unknown>[]>()
  readonly contributions = new Map<string, Contribution<unknown>[]>()
  readonly executors = new Map<string, RegisteredExecutor>()
  readonly starts: Step[] = []
  readonly drains: Step[] = []
  readonly stops: Step[] = []
  sealed = false

  constructor(given: SetupHost['service']) {
    this.#given = given
  }

  /** Puts a service on top of what the slot has. */
  provide(plugin: string, token: Slot<unknown>, value: unknown): void {
    const known = KERNEL_SLOTS.get(token.id) ?? token
    this.#services.set(token.id, { plugin, token: known, value: this.#given(token.id, adapt(value, token, known)) })
  }

  service(slot: Slot<unknown>): unknown {
    const top = this.#services.get(slot.id)
    if (top && !fits(top.token, slot))
      throw new ClonedError('SLOT_CONTRACT', skew(top, { plugin: 'the host', token: slot }))
    return top && adapt(top.value, top.token, slot)
  }
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
      deps: Object.freeze(this.#services(manifest.requires)),
      // Inside of this plugin is whatever was provided so far: the plan has put the layers of a slot in their order.
      inner: Object.freeze(this.#services(manifest.wraps)),
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

  #services(needs: Readonly<Record<string, Requirement>>): Record<string, unknown> {
    const named = Object.entries(needs).map(([name, need]) => [name, this.#book.service(requirement(need).slot)])
    return Object.fromEntries(named)
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
        const declared = this.#plugin.manifest.fires.find(({ id }) => id === hook.id)
        if (!declared) throw this.#undeclared(hook, 'fires')
        const known = this.#plan.hooks.get(hook.id) ?? declared
        this.#host.fire(known, adapt(subject, declared, known))
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
    const fired = this.#plan.hooks.get(hook.id) ?? declared
    this.#book.handlers.set(hook.id, [...list, { plugin: this.#id, handler: adaptHandler(handler, fired, declared) }])
  }

  #execute(kind: ActionKind, executor: Executor): void {
    this.#mustBeOpen(`execute ${kind?.id}`)
    const { executes } = this.#plugin.manifest
    // What the plan has checked is the declared kind, its hooks included.
    const declared = executes.find(({ id }) => id === kind?.id)
    if (!declared) {
      throw new ClonedError('HOOK_UNDECLARED', { plugin: this.#id, hook: String(kind?.id), field: 'executes' })
    }
    this.#book.executors.set(declared.id, { plugin: this.#id, kind: declared, executor })
  }

  #takeResult(result: unknown): void {
    const { provides, wraps, contributes } = this.#plugin.manifest
    const slots = { ...provides, ...wraps }
    const given = (result ?? {}) as Record<string, unknown>
    for (const name of Object.keys(given)) {
      if (!Object.hasOwn(slots, name) && !Object.hasOwn(contributes, name)) {
        throw new ClonedError('PROVIDES_UNDECLARED', { plugin: this.#id, name })
      }
    }
    for (const [name, slot] of Object.entries(slots)) {
      if (given[name] === undefined || given[name] === null) throw this.#missing('slot', name)
      this.#book.provide(this.#id, slot, given[name])
    }
    for (const [name, token] of Object.entries(contributes)) {
      const { id } = token
      const reader = this.#plan.readers.get(id) ?? token
      const items = given[name]
      if (!Array.isArray(items)) throw this.#missing('collection', name)
      const list = this.#book.contributions.get(id) ?? []
      this.#book.contributions.set(id, [
        ...list,
        ...items.map((item) => ({ plugin: this.#id, item: adapt(item, token, reader) })),
      ])
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
