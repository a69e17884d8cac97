// The command `connectors dev`: runs a connector from source, again after every change; its calls go through the gate.
import { existsSync, watch } from 'node:fs'
import { resolve } from 'node:path'
import { describeThrown, type Gate, isClonedError } from 'cloned/kernel'
import { actionResult, type Command, type CommandContext, type CommandResult, type ExitCode } from '../cli/slot.js'
import { TOOL_PREFIX, toolIdAtGate } from '../package/slot.js'
import type { Connectors } from './slot.js'

/** Editors write a file in several steps. */
const SETTLE_MS = 100

export function developCommand(connectors: Pick<Connectors, 'develop'>, gate: Pick<Gate, 'call'>): Command {
  return {
    name: 'connectors dev',
    summary: 'Run an unsigned connector from source, again after every change',
    args: [{ name: 'directory', description: 'Directory of the source', required: true }],
    options: [
      { flags: '--tool <id>', description: 'Call this tool after every load' },
      { flags: '--input <json>', description: 'Its input, @FILE or - for standard input' },
      { flags: '--once', description: 'Load it once and end' },
    ],
    examples: ['cloned connectors dev weather', 'cloned connectors dev weather --tool acme.weather.greet@v1 --once'],
    needs: 'workspace',
    async run(ctx) {
      const directory = resolve(ctx.cwd, ctx.args['directory'] ?? '')
      if (!existsSync(directory)) throw ctx.usageError(`there is no directory ${directory}`)
      const { tool, input, once } = ctx.options
      const call = typeof tool === 'string' ? { tool, input: await ctx.inputJson(input) } : undefined
      if (!call && input !== undefined) throw ctx.usageError('--input is for the tool that --tool names')
      ctx.tell(`UNSIGNED: ${ctx.printable(directory)} runs on your word alone, in this process only.`)
      const load = () => loaded(connectors, gate, { directory, call }, ctx)
      if (once === true) return await load()
      const again = async () => {
        const { json = null, text, problem } = await load()
        ctx.emit(json)
        if (text !== '') ctx.print(text)
        if (problem !== undefined) ctx.tell(problem)
      }
      await again()
      for await (const _ of changes(directory, ctx.signal)) await again()
      return { json: undefined, text: '' }
    },
  }
}

interface Wanted {
  readonly directory: string
  readonly call: { readonly tool: string; readonly input: unknown } | undefined
}

async function loaded(
  connectors: Pick<Connectors, 'develop'>,
  gate: Pick<Gate, 'call'>,
  { directory, call }: Wanted,
  ctx: CommandContext,
): Promise<CommandResult> {
  const printable = (text: string) => ctx.printable(text, { lines: true })
  try {
    const { id, version, tools } = (await connectors.develop(directory)).manifest
    const ids = tools.map((tool) => toolIdAtGate(tool.id))
    const heading = printable(`${id} ${version}: ${ids.join(', ')}`)
    if (!call) return { json: { id, version, tools: ids }, text: heading }
    const tool = call.tool.startsWith(TOOL_PREFIX) ? call.tool : toolIdAtGate(call.tool)
    const request = { tool, input: call.input }
    const outcome = await gate.call(ctx.actor === undefined ? request : { ...request, actor: ctx.actor }, {
      signal: ctx.signal,
      dryRun: ctx.dryRun,
      onProgress: (message) => ctx.progress(typeof message === 'string' ? message : JSON.stringify(message)),
    })
    const done = outcome.status === 'done' ? printable(JSON.stringify(outcome.output, null, 2)) : ''
    const meanwhile =
      ctx.options['once'] === true ? 'Then repeat this command.' : 'Then save a file: it is called again.'
    const { json, text, ...end } = actionResult(outcome, { done, meanwhile }, ctx)
    return { ...end, json: { id, version, tools: ids, outcome: json ?? null }, text: [heading, text].join('\n').trim() }
  } catch (error) {
    if (!isClonedError(error)) return { exit: 1, json: null, text: '', problem: printable(describeThrown(error)) }
    const problem = printable(`error ${error.code} ${error.message}\n  ${error.help}`)
    return { exit: error.exit as ExitCode, json: { error: { ...error.toJSON() } }, text: '', problem }
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
