// Words how a command is used; nothing here reads what was typed.
import { ClonedError } from 'cloned/kernel'
import type { Command } from './slot.js'

/** `cloned tools show <id> [options]`. */
export function usageLine(command: Command): string {
  const words = (command.args ?? []).map(({ name, required, many }) => {
    const dots = many === true ? '...' : ''
    return required === true ? `<${name}>${dots}` : `[${name}]${dots}`
  })
  const options = (command.options ?? []).length > 0 ? ['[options]'] : []
  return ['cloned', command.name, ...words, ...options].join(' ')
}

/** The error for a line that the command cannot take; shows the usage and an example. */
export function usageError(command: Command, problem: string): ClonedError {
  return new ClonedError('COMMAND_USAGE', {
    problem,
    usage: usageLine(command),
    example: command.examples[0] ?? `cloned ${command.name}`,
  })
}

/** The error for a line that is wrong before any command is known. */
export function lineError(problem: string): ClonedError {
  return new ClonedError('COMMAND_USAGE', {
    problem,
    usage: 'cloned <command> [options]',
    example: 'cloned tools list',
  })
}
