// Makes a twin of a plugin that writes down what its setup registers and what it logs; must never change what it does.
import type { Hook } from '../hooks.js'
import type { Logger, Plugin } from '../plugin.js'

/** What a plugin was seen to do. */
export interface Seen {
  /** What setup registered and returned, in order, as text. */
  readonly registered: string[]
  /** Handlers of guard and check hooks. */
  readonly guards: { readonly hook: Hook; readonly handler: (subject: unknown, ctx: unknown) => unknown }[]
}

type Register = (hook: Hook, handler: unknown) => void
interface Context {
  readonly hooks: Readonly<Record<string, Register>>
  readonly actions: { readonly execute: (kind: { readonly id: string }, executor: unknown) => void }
  readonly onStart: (step: () => unknown) => void
  readonly onDrain: (step: () => unknown) => void
  readonly onStop: (step: () => unknown) => void
}

/** The twin and what it has been seen to do so far. */
export function seenTwin(plugin: Plugin): { readonly twin: Plugin; readonly seen: Seen } {
  const seen: Seen = { registered: [], guards: [] }
  const note = (text: string) => seen.registered.push(text)
  const setup = (ctx: Context) => {
    const hooks = Object.entries(ctx.hooks).map(([name, register]): [string, Register] => [
      name,
      (hook, handler) => {
        register(hook, handler)
        if (name !== 'fire') note(`${name} ${hook.id}`)
        if (name === 'guard') seen.guards.push({ hook, handler: handler as Seen['guards'][number]['handler'] })
      },
    ])
    const step = (name: 'onStart' | 'onDrain' | 'onStop') => (run: () => unknown) => {
      ctx[name](run)
      note(name)
    }
    const result: unknown = plugin.setup({
      ...ctx,
      hooks: Object.fromEntries(hooks),
      actions: {
        execute: (kind: { readonly id: string }, executor: unknown) => {
          ctx.actions.execute(kind, executor)
          note(`execute ${kind.id}`)
        },
      },
      onStart: step('onStart'),
      onDrain: step('onDrain'),
      onStop: step('onStop'),
    })
    for (const [name, value] of Object.entries((result ?? {}) as object)) note(`return ${name} ${shape(value)}`)
    return result
  }
  return { twin: Object.freeze({ ...plugin, setup }), seen }
}

function shape(value: unknown): string {
  if (!Array.isArray(value)) return typeof value
  const names = value.map((item: { id?: unknown; name?: unknown } | null) =>
    String(item?.id ?? item?.name ?? typeof item),
  )
  return `[${names.join(' ')}]`
}

/** A logger that keeps every line. */
export function keepingLogger(lines: string[]): (plugin: string) => Logger {
  return (plugin) => {
    const keep = (level: string) => (message: string, fields?: unknown) => {
      lines.push(`${level} ${plugin}: ${message} ${JSON.stringify(fields ?? {})}`)
    }
    return { debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error') }
  }
}
