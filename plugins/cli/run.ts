// Runs one command line from its words to its exit code; the kernel it made is stopped however the command ends.
import { createKernel, type Distribution, type Json, type Kernel, type Logger } from 'cloned/kernel'
import { checkCommands } from './commands.js'
import { createContext, isInteractive } from './context.js'
import { environmentConfig, environmentOff } from './environment.js'
import { type GlobalOptions, splitGlobals } from './globals.js'
import { areaHelp, commandHelp, helpJson, helpScope, overviewHelp } from './help.js'
import { watchInterrupts } from './interrupt.js'
import type { CliIo } from './io.js'
import { createOutput, type Output } from './output.js'
import { createPaint, isDumb, wantsColour } from './paint.js'
import { findCommand, parseCommand } from './parse.js'
import { printable } from './printable.js'
import { asClonedError, errorJson, errorText, exitOf, stackText } from './report.js'
import { isDebugged } from './settings.js'
import { type Cli, type Command, type CommandResult, cliSlot } from './slot.js'
import { startFor, workspaceConfig } from './starting.js'

export interface RunOptions {
  readonly distribution: Distribution
  /** The words after the program's name. */
  readonly argv: readonly string[]
  readonly io: CliIo
  /** Relative paths on the command line start here. */
  readonly cwd: string
  /** `NO_COLOR`, `TERM` and `CLONED_…` are read from it. Default: that of the process. */
  readonly env?: Environment
}

type Environment = Readonly<Record<string, string | undefined>>

/** What one run works with. */
interface Run extends RunOptions {
  readonly env: Environment
  readonly globals: GlobalOptions
  readonly rest: readonly string[]
  readonly output: Output
  readonly signal: AbortSignal
}

/** Runs one command line. Resolves with the exit code once all output is written; rejects only when that fails. */
export async function runCli(options: RunOptions): Promise<number> {
  const { globals, rest, problem } = splitGlobals(options.argv)
  const env = options.env ?? process.env
  const output = createOutput(options.io, { ...globals, dumb: isDumb(env) })
  const interrupts = watchInterrupts(options.io, output.tell)
  const run: Run = { ...options, env, globals, rest, output, signal: interrupts.signal }
  const ended = (problem ? Promise.reject(problem) : execute(run)).then(
    (result) => printResult(run, result),
    (thrown: unknown) => printError(run, thrown),
  )
  try {
    return await Promise.race([ended, interrupts.forced])
  } finally {
    interrupts.stop()
    await output.flush()
  }
}

async function execute(run: Run): Promise<CommandResult> {
  const { globals, distribution } = run
  if (globals.version) {
    return { json: { name: distribution.name, version: distribution.version }, text: distribution.version }
  }
  const kernel = createKernel(distribution, {
    config: {
      ...environmentConfig(distribution, run.env, run.cwd),
      ...workspaceConfig(distribution, run.cwd, globals.workspace),
    },
    off: environmentOff(run.env),
    log: createLog(run),
  })
  try {
    const cli = kernel.service(cliSlot)
    run.output.scrubWith(cli.scrub)
    const commands = checkCommands(cli.commands())
    const words = wordsOf(run.rest)
    const wantsHelp = globals.help || run.rest.length === 0 || words[0] === 'help'
    if (wantsHelp) return help(run, commands, words[0] === 'help' ? words.slice(1) : words)
    return await runCommand(run, kernel, cli, commands)
  } finally {
    await stopKernel(run, kernel)
  }
}

async function runCommand(run: Run, kernel: Kernel, cli: Cli, commands: readonly Command[]): Promise<CommandResult> {
  const { globals, io, output, cwd, env } = run
  const { command, rest } = findCommand(commands, run.rest)
  const parsed = parseCommand(command, rest)
  // A name that no actor can have is a slip on the command line, not something to judge.
  if (globals.actor !== undefined) kernel.actor(globals.actor)
  const interactive = isInteractive(io, globals, env)
  if (interactive) cli.attach({ write: output.tell })
  output.progress.update(`cloned ${command.name} …`)
  const startError = await startFor(kernel, command)
  const paint = createPaint(wantsColour(io.stdout, env, globals.noColor))
  return command.run(
    createContext({
      ...parsed,
      globals,
      io,
      output,
      cwd,
      paint,
      interactive,
      signal: run.signal,
      howToDecide: cli.howToDecide,
      startError,
    }),
  )
}

async function stopKernel(run: Run, kernel: Kernel): Promise<void> {
  try {
    await kernel.stop()
  } catch (thrown) {
    // What the command did is done and recorded: its exit code stands, and the person hears of the rest.
    run.output.tell(errorText(asClonedError(thrown, 'stop', false), errorPaint(run)))
  }
}

function help(run: Run, commands: readonly Command[], words: readonly string[]): CommandResult {
  const scope = helpScope(commands, words) ?? [findCommand(commands, words).command]
  const paint = createPaint(wantsColour(run.io.stdout, run.env, run.globals.noColor))
  const { name, version } = run.distribution
  const [only] = scope
  let text: string
  if (words.length === 0) text = overviewHelp(`${name} ${version}`, scope, paint)
  else if (scope.length === 1 && only && words.join(' ').startsWith(only.name)) text = commandHelp(only, paint)
  else text = areaHelp(words[0] ?? '', scope, paint)
  return { json: helpJson(scope), text }
}

function printResult({ globals, output }: Run, result: CommandResult): number {
  output.progress.stop()
  if (globals.json) {
    if (result.json !== undefined) output.result(jsonLines(result.json))
  } else if (result.text !== '') output.result(result.text)
  if (result.problem !== undefined && !globals.json) output.tell(result.problem)
  return result.exit ?? 0
}

function printError(run: Run, thrown: unknown): number {
  const { globals, output, env } = run
  const error = asClonedError(thrown, wordsOf(run.rest).slice(0, 2).join(' '), run.signal.aborted)
  output.progress.stop()
  if (globals.json) output.result(jsonLines(errorJson(error)))
  else output.tell(errorText(error, errorPaint(run)))
  if (isDebugged(env)) output.tell(stackText(error))
  return exitOf(error)
}

/** One document. It may well be looked at on a terminal, so what could steer one is escaped as JSON allows. */
function jsonLines(document: Json): string {
  return printable(JSON.stringify(document, null, 2), { lines: true })
}

function errorPaint({ io, env, globals }: Run) {
  return createPaint(wantsColour(io.stderr, env, globals.noColor))
}

function wordsOf(rest: readonly string[]): readonly string[] {
  const end = rest.findIndex((token) => token.startsWith('-'))
  return end < 0 ? rest : rest.slice(0, end)
}

/** Diagnostics go to standard error: warnings and errors always, the rest with `CLONED_DEBUG`. */
function createLog({ output, env }: Run): (plugin: string) => Logger {
  const debug = isDebugged(env)
  return (plugin) => {
    const write = (level: string) => (message: string, fields?: object) =>
      output.note(
        printable(`${level} ${plugin}: ${message}${fields === undefined ? '' : ` ${JSON.stringify(fields)}`}`),
      )
    const quiet = () => {}
    return {
      debug: debug ? write('debug') : quiet,
      info: debug ? write('info') : quiet,
      warn: write('warning'),
      error: write('error'),
    }
  }
}
