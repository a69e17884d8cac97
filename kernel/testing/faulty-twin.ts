// Makes a twin of a plugin that fails at one place when told to; everything else of the twin must be the plugin itself.
import type { Hook } from '../hooks.js'
import type { Plugin } from '../plugin.js'
import type { Fault } from './faults.js'

/** Where a twin fails: in its handler on a hook, or in a method of a reserve or of a service that it provides or wraps. */
export type FaultPoint =
  | { readonly at: 'hook'; readonly plugin: string; readonly hook: Hook; readonly method?: string }
  | { readonly at: 'slot'; readonly plugin: string; readonly slot: string; readonly method: string }

/** Decides whether the twin fails now. Set `fault` to make it fail, `missing` to take the thing away altogether. */
export interface Trigger {
  fault: Fault | undefined
  /** The method, or the whole handler, is not there. A handler is missing only when this is set before the boot. */
  missing: boolean
  /** Fails only for these arguments. */
  when?: ((args: readonly unknown[]) => boolean) | undefined
}

type Callable = (...args: unknown[]) => unknown
type Register = (hook: Hook, handler: unknown) => void
interface Context {
  readonly hooks: Readonly<Record<string, Register>>
}

/** The twin. It has the manifest, the configuration and the setup of the plugin. */
export function faultyTwin(plugin: Plugin, point: FaultPoint, trigger: Trigger): Plugin {
  const setup = (ctx: Context) => {
    if (point.at === 'hook') return plugin.setup({ ...ctx, hooks: faultyRegistrar(ctx.hooks, point, trigger) })
    const result = plugin.setup(ctx) as Record<string, unknown>
    const name =
      Object.entries({ ...plugin.manifest.provides, ...plugin.manifest.wraps }).find(
        ([, slot]) => slot.id === point.slot,
      )?.[0] ?? ''
    return { ...result, [name]: faultyService(result[name] as object, point.method, trigger) }
  }
  return Object.freeze({ ...plugin, setup })
}

function faultyRegistrar(
  hooks: Context['hooks'],
  point: FaultPoint & { at: 'hook' },
  trigger: Trigger,
): Context['hooks'] {
  const wrap =
    (register: Register): Register =>
    (hook, handler) => {
      if (hook.id !== point.hook.id) return register(hook, handler)
      if (point.method !== undefined) return register(hook, faultyService(handler as object, point.method, trigger))
      if (!trigger.missing) register(hook, faulty(handler as Callable, trigger))
    }
  return Object.fromEntries(
    Object.entries(hooks).map(([name, register]) => [name, name === 'fire' ? register : wrap(register)]),
  )
}

// The target is empty because a proxy may not answer for the frozen properties of the service itself.
function faultyService(service: object, method: string, trigger: Trigger): object {
  return new Proxy(
    {},
    {
      has: (_, key) => Reflect.has(service, key),
      get: (_, key) => {
        const value: unknown = Reflect.get(service, key)
        if (typeof value !== 'function') return value
        if (key !== method) return value.bind(service)
        return trigger.missing ? undefined : faulty(value.bind(service), trigger)
      },
    },
  )
}

function faulty(original: Callable, trigger: Trigger): Callable {
  return (...args) => {
    const { fault, when } = trigger
    return fault && (when?.(args) ?? true) ? fault.run() : original(...args)
  }
}
