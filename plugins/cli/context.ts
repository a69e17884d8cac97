// Makes what a command gets from the terminal it runs on; it holds no rules of any command.
import { resolve } from 'node:path'
import type { ClonedError } from 'cloned/kernel'
import { askChoice, askHidden, askText } from './ask.js'
import type { GlobalOptions } from './globals.js'
import { readInput } from './input.js'
import { type CliIo, readAll } from './io.js'
import type { Output } from './output.js'
import { isDumb } from './paint.js'
import type { Parsed } from './parse.js'
import { printable } from './printable.js'
import type { Choice, CommandContext } from './slot.js'
import { table } from './table.js'
import { usageError } from './usage.js'

export interface ContextParts {
  readonly parsed: Parsed
  readonly globals: GlobalOptions
  readonly io: CliIo
  readonly output: Output
  readonly cwd: string
  readonly paint: CommandContext['paint']
  readonly interactive: boolean
  readonly signal: AbortSignal
  readonly howToDecide: CommandContext['howToDecide']
  readonly startError: ClonedError | undefined
}

/**
 * Whether a person can be asked. A terminal of no width (a bare pty) would show a question one letter a line, and a dumb
 * one could not draw it.
 */
export function isInteractive(
  io: CliIo,
  globals: Pick<GlobalOptions, 'json'>,
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  return io.stdin.isTTY === true && io.stderr.isTTY === true && io.stderr.columns !== 0 && !globals.json && !isDumb(env)
}

export function createContext({
  parsed,
  globals,
  io,
  output,
  cwd,
  paint,
  interactive,
  signal,
  howToDecide,
  startError,
}: ContextParts): CommandContext {
  const choose = <V extends string>(question: string, choices: readonly Choice<V>[]): Promise<V | undefined> =>
    interactive ? output.progress.pause(() => askChoice(io, signal, question, choices)) : Promise.resolve(undefined)
  const stdin = () => readAll(io.stdin, signal)
  const decided: CommandContext['howToDecide'] = (request) => printable(howToDecide(request))
  return {
    args: parsed.args,
    rest: parsed.rest,
    options: parsed.options,
    actor: globals.actor === undefined ? undefined : { id: globals.actor, claimed: true },
    dryRun: globals.dryRun,
    yes: globals.yes,
    json: globals.json,
    interactive,
    startError,
    cwd,
    workspace: resolve(cwd, globals.workspace ?? '.'),
    signal,
    stdin,
    inputJson: (option) => readInput(option, { cwd, stdin }),
    note: output.note,
    tell: output.tell,
    progress: (text) => output.progress.update(text),
    print: (line) => {
      if (!globals.json) output.result(line)
    },
    emit: (document) => {
      // One line: a text of an agent must not begin another, nor steer the terminal that may well be looked at.
      if (globals.json) output.result(printable(JSON.stringify(document)))
    },
    confirm: async (question) => globals.yes || (await choose(question, YES_NO)) === 'yes',
    choose,
    ask: async (question, initial) =>
      interactive ? await output.progress.pause(() => askText(io, signal, question, initial)) : undefined,
    askSecret: async (question) =>
      interactive ? await output.progress.pause(() => askHidden(io, signal, question)) : undefined,
    usageError: (problem) => usageError(parsed.command, problem),
    howToDecide: decided,
    waiting: ({ id, asks, action }) =>
      printable(`Waiting for approval ${id}: ${asks.map(({ reason }) => reason).join('; ')}`).concat(
        `\nDecide: ${decided({ id, osUser: action.actor.osUser })}`,
      ),
    printable,
    paint,
    table,
  }
}

const YES_NO = [
  { value: 'no', label: 'No' },
  { value: 'yes', label: 'Yes' },
] as const
