// Adds to what a command gets what a terminal shows and a person there can be asked; it holds no rules of any command.
import { askChoice, askHidden, askText } from './ask.js'
import type { GlobalOptions } from './globals.js'
import type { CliIo } from './io.js'
import type { Output } from './output.js'
import { isDumb } from './paint.js'
import type { CommandContext } from './slot.js'
import { type UnattendedParts, unattendedContext } from './unattended.js'

export interface ContextParts extends UnattendedParts {
  readonly io: CliIo
  readonly output: Output
  readonly paint: CommandContext['paint']
  readonly interactive: boolean
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

export function createContext(parts: ContextParts): CommandContext {
  const { globals, io, output, paint, interactive, signal } = parts
  const shown = { ...unattendedContext(parts), paint, progress: (text: string) => output.progress.update(text) }
  if (!interactive) return shown
  const choose: CommandContext['choose'] = (question, choices) =>
    output.progress.pause(() => askChoice(io, signal, question, choices))
  return {
    ...shown,
    interactive,
    confirm: async (question) => globals.yes || (await choose(question, YES_NO)) === 'yes',
    choose,
    ask: (question, initial) => output.progress.pause(() => askText(io, signal, question, initial)),
    askSecret: (question) => output.progress.pause(() => askHidden(io, signal, question)),
  }
}

const YES_NO = [
  { value: 'no', label: 'No' },
  { value: 'yes', label: 'Yes' },
] as const
