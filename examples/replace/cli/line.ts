// Runs one command line from its words to its exit code; the kernel it made is stopped however the command ends.
import { resolve } from 'node:path'
import { type ClonedError, createKernel, type Distribution, isClonedError, type Kernel } from 'cloned/kernel'
import {
  asClonedError,
  type CommandResult,
  cliSlot,
  errorJson,
  exitOf,
  printable,
  type RunOptions,
} from 'cloned/plugins/cli'
import { contextOf } from './context.js'
import { commandOf, type Line, parse } from './parse.js'

const WORKSPACE = 'cloned.workspace'

/** The exit code, once everything is written. For `Replacement.cli`, and for an executable of one's own. */
export async function runLine(options: RunOptions): Promise<number> {
  const { argv, io } = options
  const json = argv.includes('--json')
  const interrupt = new AbortController()
  const ignore = io.onInterrupt(() => interrupt.abort())
  let scrub = (text: string) => text
  const write = (stream: 'stdout' | 'stderr', text: string) =>
    text === '' ? undefined : void io[stream].write(`${scrub(text)}\n`)
  const document = (value: unknown) => write('stdout', printable(JSON.stringify(value, null, 2), { lines: true }))
  try {
    const scrubWith = (given: typeof scrub) => {
      scrub = given
    }
    const { exit = 0, json: told, text, problem = '' } = await run(options, interrupt.signal, { write, scrubWith })
    if (json) document(told)
    else {
      write('stdout', text)
      write('stderr', problem)
    }
    return exit
  } catch (thrown) {
    const error = asClonedError(thrown, argv[0] ?? '', interrupt.signal.aborted)
    if (json) document(errorJson(error))
    else write('stderr', printable(`error ${error.code} ${error.message}\n  ${error.help}`, { lines: true }))
    return exitOf(error)
  } finally {
    ignore()
  }
}

/** Where a line writes. */
export interface Screen {
  write(stream: 'stdout' | 'stderr', text: string): void
  scrubWith(scrub: (text: string) => string): void
}

async function run(options: RunOptions, signal: AbortSignal, screen: Screen): Promise<CommandResult> {
  const { distribution, argv, cwd } = options
  const { name, version } = distribution
  if (argv[0] === '--version') return { json: { name, version }, text: version }
  const at = argv.indexOf('--workspace')
  const root = at < 0 ? undefined : argv[at + 1]
  const kernel = createKernel(distribution, {
    config: placed(distribution, cwd, root),
    log: () => ({
      debug() {},
      info() {},
      warn: (message) => screen.write('stderr', printable(`warning: ${message}`)),
      error: (message) => screen.write('stderr', printable(`error: ${message}`)),
    }),
  })
  try {
    const cli = kernel.service(cliSlot)
    screen.scrubWith(cli.scrub)
    const commands = cli.commands().map(({ item }) => item)
    if (argv.length === 0 || argv[0] === '--help') {
      const lines = commands.map((command) => `${command.name}   ${command.summary}`).sort()
      return { json: { commands: lines }, text: lines.join('\n') }
    }
    const line = parse(commandOf(commands, argv), argv)
    if (line.actor !== undefined) kernel.actor(line.actor)
    const startError = await start(kernel, line)
    return await line.command.run(contextOf(line, { ...options, signal, screen, startError, cli }))
  } finally {
    await kernel.stop()
  }
}

async function start(kernel: Kernel, { command: { needs } }: Line): Promise<ClonedError | undefined> {
  if (needs === 'nothing') return undefined
  try {
    await kernel.start()
    return undefined
  } catch (error) {
    if (needs === 'workspace' || !isClonedError(error)) throw error
    return error
  }
}

function placed({ plugins }: Distribution, cwd: string, root: string | undefined) {
  const listed = plugins.some((entry) => ('plugin' in entry ? entry.plugin : entry).manifest.id === WORKSPACE)
  const here = root === undefined && cwd === process.cwd()
  return listed && !here ? { [WORKSPACE]: { root: resolve(cwd, root ?? '.') } } : {}
}
