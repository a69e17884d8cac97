// Checks the commands that plugins contribute before any is used; a command that cannot be typed or helped is refused.
import { ClonedError, type Contribution } from 'cloned/kernel'
import { GLOBAL_HELP } from './globals.js'
import type { Command } from './slot.js'

const NAME = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*(?: [a-z][a-z0-9]*(?:-[a-z0-9]+)*)?$/
const FLAGS = /^(?:-[a-zA-Z], )?(--[a-z][a-z0-9]*(?:-[a-z0-9]+)*)(?: <[^<>]+>)?$/
const RESERVED = new Set(GLOBAL_HELP.flatMap(([flags]) => flags.split(/[ ,]+/)))

/**
 * The commands sorted by name. Throws `COMMAND_INVALID` for a name, flag or example that nobody could use, and
 * `COMMAND_DUPLICATE` for a name that two plugins contribute.
 */
export function checkCommands(contributions: readonly Contribution<Command>[]): readonly Command[] {
  const seen = new Map<string, string>()
  for (const { plugin, item } of contributions) {
    const problem = problemOf(item)
    if (problem !== undefined) throw new ClonedError('COMMAND_INVALID', { command: String(item.name), plugin, problem })
    const other = seen.get(item.name)
    if (other !== undefined) {
      throw new ClonedError('COMMAND_DUPLICATE', { command: item.name, plugins: `"${other}" and "${plugin}"` })
    }
    seen.set(item.name, plugin)
  }
  return contributions.map(({ item }) => item).sort((a, b) => (a.name < b.name ? -1 : 1))
}

function problemOf(command: Command): string | undefined {
  if (!NAME.test(command.name)) return 'its name is not one or two lower-case words'
  if (command.examples.length === 0) return 'it has no example'
  if (command.args?.some((argument, i, all) => argument.required === true && i > 0 && all[i - 1]?.required !== true)) {
    return 'a required argument follows an optional one'
  }
  if (command.args?.some((argument, i, all) => argument.many === true && i < all.length - 1)) {
    return 'an argument that takes many is not its last'
  }
  for (const { flags } of command.options ?? []) {
    const names = FLAGS.test(flags) ? flags.replace(/ <.*$/, '').split(', ') : undefined
    if (!names) return `its option "${flags}" is not of the form "-n, --name <value>" or "--name"`
    const taken = names.find((name) => RESERVED.has(name))
    if (taken !== undefined) return `its option ${taken} is one that every command has`
  }
  return undefined
}
