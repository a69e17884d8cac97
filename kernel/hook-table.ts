// Holds one runner per hook of one kernel; must never hand a runner or a handler to a plugin.
import type { ActionKind } from './action.js'
import type { Reserve } from './contracts.js'
import type { Limits } from './distribution.js'
import { EventHookRunner, GuardHookRunner, type Registration, SeriesHookRunner, TransformHookRunner } from './hook.js'
import type { Hook, HookKind } from './hooks.js'
import type { Registry } from './setup.js'

// biome-ignore lint/suspicious/noExplicitAny: handlers are typed where they are registered; here they are only run
type Any = any

/** A reserve hook: its takers by plugin, and the two walks over them. */
export interface ReserveRunner {
  readonly takers: ReadonlyMap<string, Reserve>
  readonly peek: SeriesHookRunner<Any>
  readonly take: SeriesHookRunner<Any>
}

/** Runners by hook, made when they are first needed and never changed. */
export class HookTable {
  readonly #handlers: Registry['handlers']
  readonly #limits: Limits
  readonly #made = new Map<string, unknown>()

  constructor(registry: Registry, limits: Limits) {
    this.#handlers = registry.handlers
    this.#limits = limits
  }

  guard(hook: Hook): GuardHookRunner<Any> {
    const ms = hook.kind === 'check' ? this.#limits.checkMs : this.#limits.guardMs
    return this.#get(hook, ['guard', 'check'], (handlers) => new GuardHookRunner(hook.id, handlers, ms))
  }

  transform(hook: Hook): TransformHookRunner<Any, Any> {
    const { transformMs } = this.#limits
    return this.#get(hook, ['transform'], (handlers) => new TransformHookRunner(hook.id, handlers, transformMs))
  }

  event(hook: Hook): EventHookRunner<Any> {
    const ms = hook.kind === 'notify' ? this.#limits.notifyMs : this.#limits.observeMs
    return this.#get(hook, ['notify', 'observe'], (handlers) => new EventHookRunner(handlers, ms))
  }

  reserve(hook: Hook): ReserveRunner {
    return this.#get(hook, ['reserve'], (handlers) => {
      const reserves = handlers as readonly Registration<Reserve>[]
      const walk = (run: (reserve: Reserve, subject: Any) => unknown) =>
        new SeriesHookRunner<Any>(
          reserves.map(({ plugin, handler }) => ({ plugin, handler: (subject) => run(handler, subject) })),
          this.#limits.reserveMs,
        )
      return {
        takers: new Map(reserves.map(({ plugin, handler }) => [plugin, handler])),
        peek: walk((reserve, { action }) => reserve.peek(action)),
        take: walk((reserve, { action, ref }) => reserve.take(ref, action)),
      }
    })
  }

  /** Every reserve of these kinds, by plugin id. */
  takers(kinds: readonly ActionKind[]): ReadonlyMap<string, Reserve> {
    return new Map(kinds.flatMap(({ reserve }) => (reserve ? [...this.reserve(reserve).takers] : [])))
  }

  #get<R>(hook: Hook, kinds: readonly HookKind[], make: (handlers: readonly Registration<Any>[]) => R): R {
    const known = this.#made.get(hook.id)
    if (known) return known as R
    if (!kinds.includes(hook.kind)) throw new TypeError(`hook ${hook.id} is a ${hook.kind} hook`)
    const made = make((this.#handlers.get(hook.id) ?? []) as readonly Registration<Any>[])
    this.#made.set(hook.id, made)
    return made
  }
}
