// Makes what a command gets from a line that nobody sits at; every question is answered as if nobody were there.
import { resolve } from 'node:path'
import type { ClonedError } from 'cloned/kernel'
import {
  type Cli,
  type CommandContext,
  printable,
  type RunOptions,
  readAll,
  readInput,
  table,
} from 'cloned/plugins/cli'
import type { Screen } from './line.js'
import { type Line, usageError } from './parse.js'

export interface ContextParts extends Pick<RunOptions, 'io' | 'cwd'> {
  readonly signal: AbortSignal
  readonly screen: Screen
  readonly startError: ClonedError | undefined
  readonly cli: Cli
}

export function contextOf(line: Line, { io, cwd, signal, screen, startError, cli }: ContextParts): CommandContext {
  const { options, actor } = line
  const json = options['json'] === true
  const plain = (text: string) => text
  const tell = (text: string) => screen.write('stderr', text)
  const howToDecide: CommandContext['howToDecide'] = (request) => printable(cli.howToDecide(request))
  const stdin = () => readAll(io.stdin, signal)
  return {
    ...line,
    actor: actor === undefined ? undefined : { id: actor, claimed: true },
    dryRun: options['dryRun'] === true,
    yes: options['yes'] === true,
    json,
    interactive: false,
    startError,
    cwd,
    workspace: resolve(cwd, typeof options['workspace'] === 'string' ? options['workspace'] : '.'),
    signal,
    stdin,
    inputJson: (option) => readInput(option, { cwd, stdin }),
    note: (text) => (options['quiet'] ? undefined : tell(text)),
    tell,
    progress() {},
    print: (text) => (json ? undefined : screen.write('stdout', text)),
    emit: (document) => (json ? screen.write('stdout', printable(JSON.stringify(document))) : undefined),
    confirm: async () => options['yes'] === true,
    choose: async () => undefined,
    ask: async () => undefined,
    askSecret: async () => undefined,
    usageError: (problem) => usageError(line.command, problem),
    howToDecide,
    waiting: ({ id, asks, action: { actor: asked } }) =>
      `${printable(`Waiting for approval ${id}: ${asks.map(({ reason }) => reason).join('; ')}`)}
Decide: ${howToDecide({ id, osUser: asked.osUser })}`,
    printable,
    paint: { bold: plain, dim: plain, green: plain, yellow: plain, red: plain, cyan: plain },
    table,
  }
}
