// Makes what a command gets where nobody sits: every question is answered as if nobody were there; holds no rules of any command.
import { resolve } from 'node:path'
import type { ClonedError } from 'cloned/kernel'
import type { GlobalOptions } from './globals.js'
import { readInput } from './input.js'
import { type CliIo, readAll } from './io.js'
import type { Output } from './output.js'
import { printable } from './printable.js'
import type { Command, CommandContext } from './slot.js'
import { table } from './table.js'
import { usageError } from './usage.js'

/** A line that was read, and where its command runs. */
export interface UnattendedParts
  extends Pick<CommandContext, 'args' | 'rest' | 'options' | 'cwd' | 'signal' | 'howToDecide'> {
  readonly command: Command
  /** The options that every command has. */
  readonly globals: Pick<GlobalOptions, 'workspace' | 'actor' | 'json' | 'dryRun' | 'yes'>
  readonly io: Pick<CliIo, 'stdin'>
  /** Scrubs what it writes, and leaves out notes where they are not wanted. */
  readonly output: Pick<Output, 'result' | 'note' | 'tell'>
  readonly startError: ClonedError | undefined
}

/** A whole context, without colours and progress. Spread it and replace what can be asked or shown. */
export function unattendedContext(parts: UnattendedParts): CommandContext {
  const { command, args, rest, options, globals, io, output, cwd, signal, startError } = parts
  const { json, dryRun, yes } = globals
  const plain = (text: string) => text
  const stdin = () => readAll(io.stdin, signal)
  const howToDecide: CommandContext['howToDecide'] = (request) => printable(parts.howToDecide(request))
  return {
    ...{ args, rest, options, dryRun, yes, json, startError, cwd, signal, stdin, howToDecide, printable, table },
    actor: globals.actor === undefined ? undefined : { id: globals.actor, claimed: true },
    interactive: false,
    workspace: resolve(cwd, globals.workspace ?? '.'),
    inputJson: (option) => readInput(option, { cwd, stdin }),
    note: output.note,
    tell: output.tell,
    progress() {},
    print: (line) => {
      if (!json) output.result(line)
    },
    emit: (document) => {
      // One line: a text of an agent must not begin another, nor steer the terminal that may well be looked at.
      if (json) output.result(printable(JSON.stringify(document)))
    },
    confirm: async () => yes,
    choose: async () => undefined,
    ask: async () => undefined,
    askSecret: async () => undefined,
    usageError: (problem) => usageError(command, problem),
    waiting: ({ id, asks, action }) =>
      printable(`Waiting for approval ${id}: ${asks.map(({ reason }) => reason).join('; ')}`).concat(
        `\nDecide: ${howToDecide({ id, osUser: action.actor.osUser })}`,
      ),
    paint: { bold: plain, dim: plain, green: plain, yellow: plain, red: plain, cyan: plain },
  }
}
