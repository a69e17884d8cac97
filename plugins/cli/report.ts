// Words an error for a person or a machine; what a plugin or a file put into it must never reach the terminal raw.
import { ClonedError, describeThrown, isClonedError, type JsonObject } from 'cloned/kernel'
import { printable } from './printable.js'
import type { CommandContext, ExitCode } from './slot.js'

/** Anything that was thrown, as an error of the table. */
export function asClonedError(thrown: unknown, command: string, interrupted: boolean): ClonedError {
  if (isClonedError(thrown)) return thrown
  if (interrupted) return new ClonedError('COMMAND_INTERRUPTED', { command }, { cause: thrown })
  return new ClonedError('COMMAND_FAILED', { command, cause: describeThrown(thrown) }, { cause: thrown })
}

export function exitOf(error: ClonedError): ExitCode {
  return error.exit as ExitCode
}

/** The document of `--json` for a command that ended with an error. */
export function errorJson(error: ClonedError): JsonObject {
  return { error: { ...error.toJSON() } }
}

/** What happened, to whom and where it was declared, and what to type next. */
export function errorText(error: ClonedError, paint: CommandContext['paint']): string {
  const place = [
    ...(error.plugin === undefined ? [] : [`plugin ${error.plugin}`]),
    ...(error.declaredAt === undefined ? [] : [error.declaredAt]),
  ]
  const lines = (text: string) => printable(text, { lines: true })
  return [
    `${paint.red(paint.bold('error'))} ${paint.dim(error.code)} ${lines(error.message)}`,
    ...(place.length > 0 ? [`  Where: ${printable(place.join(', '))}`] : []),
    `  ${lines(error.help)}`,
  ].join('\n')
}

/** The stack with its causes, for `CLONED_DEBUG`. */
export function stackText(error: ClonedError): string {
  const stacks: string[] = []
  for (let at: unknown = error; at instanceof Error && stacks.length < 8; at = at.cause)
    stacks.push(at.stack ?? at.message)
  return printable(stacks.join('\ncaused by '), { lines: true })
}
