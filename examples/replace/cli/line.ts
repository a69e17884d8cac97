// Runs one command line from its words to its exit code; the kernel it made is stopped however the command ends.
import { createKernel } from 'cloned/kernel'
import {
  asClonedError,
  type CommandResult,
  cliSlot,
  errorJson,
  exitOf,
  printable,
  type RunOptions,
  startFor,
  unattendedContext,
  workspaceConfig,
} from 'cloned/plugins/cli'
import { parse, workspaceOf } from './parse.js'

/** The exit code, once everything is written. For `Replacement.cli`, and for an executable of one's own. */
export async function runLine(options: RunOptions): Promise<number> {
  const { argv, io } = options
  const interrupt = new AbortController()
  const ignore = io.onInterrupt(() => interrupt.abort())
  const screen: Screen = {
    scrub: (text) => text,
    result: (text) => void (text && io.stdout.write(`${screen.scrub(text)}\n`)),
    tell: (text) => void (text && io.stderr.write(`${screen.scrub(text)}\n`)),
  }
  const shown = (value: unknown) => printable(JSON.stringify(value, null, 2) ?? '', { lines: true })
  const json = argv.includes('--json')
  try {
    const { exit = 0, json: told, text, problem = '' } = await run(options, interrupt.signal, screen)
    screen.result(json ? shown(told) : text)
    if (!json) screen.tell(problem)
    return exit
  } catch (thrown) {
    const error = asClonedError(thrown, argv[0] ?? '', interrupt.signal.aborted)
    if (json) screen.result(shown(errorJson(error)))
    else screen.tell(printable(`error ${error.code} ${error.message}\n  ${error.help}`, { lines: true }))
    return exitOf(error)
  } finally {
    ignore()
  }
}

/** Where a line writes: nothing that has not passed `scrub`. */
interface Screen {
  scrub(text: string): string
  result(text: string): void
  tell(text: string): void
}

async function run(options: RunOptions, signal: AbortSignal, screen: Screen): Promise<CommandResult> {
  const { distribution, argv, cwd, io } = options
  const tell = (level: string) => (message: string) => screen.tell(printable(`${level}: ${message}`))
  const log = { debug() {}, info() {}, warn: tell('warning'), error: tell('error') }
  const config = workspaceConfig(distribution, cwd, workspaceOf(argv))
  const kernel = createKernel(distribution, { config, log: () => log })
  try {
    const cli = kernel.service(cliSlot)
    screen.scrub = cli.scrub
    const commands = cli.commands().map(({ item }) => item)
    if (argv.length === 0 || argv[0] === '--help') {
      const lines = commands.map(({ name, summary }) => `${name}   ${summary}`).sort()
      return { json: { commands: lines }, text: lines.join('\n') }
    }
    const { globals, ...line } = parse(commands, argv)
    if (globals.actor !== undefined) kernel.actor(globals.actor)
    const startError = await startFor(kernel, line.command)
    const output = { ...screen, note: globals.quiet ? () => {} : screen.tell }
    const { howToDecide } = cli
    return await line.command.run(
      unattendedContext({ ...line, globals, io, output, cwd, signal, startError, howToDecide }),
    )
  } finally {
    await kernel.stop()
  }
}
