// The commands of those who write connectors: `connectors init` and `connectors dev`.
import { existsSync, watch } from 'node:fs'
import { resolve } from 'node:path'
import { describeThrown, type Gate, isClonedError, type Json } from 'cloned/kernel'
import type { Command, CommandContext } from '../cli/slot.js'
import { type Connectors, TOOL_PREFIX } from './slot.js'

const DIRECTORY = { name: 'directory', description: 'Directory of the source', required: true } as const
/** Editors write a file in several steps. */
const SETTLE_MS = 100

export function connectorCommands(connectors: Connectors, gate: Gate): readonly Command[] {
  return [
    {
      name: 'connectors init',
      summary: 'Write the source of a new connector into a directory that does not exist',
      args: [DIRECTORY],
      options: [{ flags: '--id <id>', description: 'Namespace and name: acme.weather' }],
      examples: ['cloned connectors init weather --id acme.weather'],
      needs: 'nothing',
      async run(ctx) {
        const directory = resolve(ctx.cwd, ctx.args['directory'] ?? '')
        const { id } = ctx.options
        if (typeof id !== 'string' || !/^[a-z][a-z0-9-]*\.[a-z0-9][a-z0-9-]*$/.test(id)) {
          throw ctx.usageError('--id is not a namespace and a name: acme.weather')
        }
        if (existsSync(directory)) throw ctx.usageError(`${directory} exists already`)
        const { scaffold } = await import('./scaffold.js')
        const files = scaffold(directory, id)
        const text = `Wrote ${files.join(', ')}.\nNext: cloned connectors dev ${ctx.args['directory']}`
        return { json: { directory, files: [...files] }, text: ctx.printable(text, { lines: true }) }
      },
    },
    {
      name: 'connectors dev',
      summary: 'Run an unsigned connector from source, again after every change',
      args: [DIRECTORY],
      options: [
        { flags: '--tool <id>', description: 'Call this tool after every load' },
        { flags: '--input <json>', description: 'Its input, @FILE or - for standard input' },
        { flags: '--once', description: 'Load it once and end' },
      ],
      examples: ['cloned connectors dev weather', `cloned connectors dev weather --tool acme.weather.greet@v1 --once`],
      needs: 'workspace',
      async run(ctx) {
        const directory = resolve(ctx.cwd, ctx.args['directory'] ?? '')
        ctx.tell(`UNSIGNED: ${ctx.printable(directory)} runs on your word alone, in this process only.`)
        if (ctx.options['once'] === true) {
          const { problem, json } = await load(ctx, connectors, gate, directory)
          return { exit: problem === undefined ? 0 : 1, json, text: '', ...(problem === undefined ? {} : { problem }) }
        }
        const again = async () => {
          const { problem } = await load(ctx, connectors, gate, directory)
          if (problem !== undefined) ctx.tell(ctx.printable(problem, { lines: true }))
        }
        await again()
        for await (const _ of changes(directory, ctx.signal)) await again()
        return { json: { directory }, text: '' }
      },
    },
  ]
}

interface Loaded {
  readonly json: Json
  readonly problem?: string
}

async function load(ctx: CommandContext, connectors: Connectors, gate: Gate, directory: string): Promise<Loaded> {
  try {
    const { manifest } = await connectors.develop(directory)
    const tools = manifest.tools.map(({ id }) => `${TOOL_PREFIX}${id}`)
    ctx.print(ctx.printable(`${manifest.id} ${manifest.version}: ${tools.join(', ')}`))
    const { tool } = ctx.options
    if (typeof tool !== 'string') return { json: { id: manifest.id, tools } }
    const input = await ctx.inputJson(ctx.options['input'])
    const id = tool.startsWith(TOOL_PREFIX) ? tool : `${TOOL_PREFIX}${tool}`
    const outcome = await gate.call(
      { tool: id, input, ...(ctx.actor === undefined ? {} : { actor: ctx.actor }) },
      { signal: ctx.signal, dryRun: ctx.dryRun },
    )
    if (outcome.status === 'done') {
      ctx.print(ctx.printable(JSON.stringify(outcome.output, null, 2), { lines: true }))
      return { json: { id: manifest.id, tools, output: outcome.output } }
    }
    const reason = 'reason' in outcome ? String(outcome.reason) : outcome.status
    const problem = 'help' in outcome ? `${reason}\n${outcome.help}` : reason
    return { json: { id: manifest.id, tools, status: outcome.status }, problem }
  } catch (error) {
    const help = isClonedError(error) ? `\n${error.help}` : ''
    const problem = `${describeThrown(error)}${help}`
    return { json: { problem }, problem }
  }
}

/** One answer for every burst of changes below a directory, until the signal. */
async function* changes(directory: string, signal: AbortSignal): AsyncGenerator<void, void> {
  let wake = (): void => undefined
  let dirty = false
  const watcher = watch(directory, { recursive: true }, (_, name) => {
    if (name?.split('/').some((part) => part === 'node_modules' || part.startsWith('.'))) return
    dirty = true
    wake()
  })
  const stop = () => wake()
  signal.addEventListener('abort', stop, { once: true })
  try {
    while (!signal.aborted) {
      if (!dirty) await new Promise<void>((resolve) => (wake = resolve))
      if (signal.aborted) return
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
      dirty = false
      yield
    }
  } finally {
    signal.removeEventListener('abort', stop)
    watcher.close()
  }
}
