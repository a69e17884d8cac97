// Finds the command that words name and reads its arguments and options; a word that it does not know is never passed over.
import { parseArgs } from 'node:util'
import { ClonedError, describeThrown } from 'cloned/kernel'
import type { Command } from 'cloned/plugins/cli'

/** A line that was understood. */
export interface Line {
  readonly command: Command
  readonly args: Readonly<Record<string, string | undefined>>
  readonly rest: readonly string[]
  readonly options: Readonly<Record<string, string | boolean | undefined>>
  readonly actor: string | undefined
}

/** Options that every command takes. */
const GLOBALS = {
  workspace: { type: 'string' },
  actor: { type: 'string' },
  json: { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  yes: { type: 'boolean' },
  quiet: { type: 'boolean' },
  'no-color': { type: 'boolean' },
} as const

/** The command with the longest name that the line begins with. Throws `COMMAND_USAGE`. */
export function commandOf(commands: readonly Command[], argv: readonly string[]): Command {
  const named = [argv.slice(0, 2).join(' '), argv[0]]
  const found = named.flatMap((name) => commands.find((command) => command.name === name) ?? [])[0]
  if (found) return found
  throw new ClonedError('COMMAND_USAGE', {
    problem: `there is no command "${argv.slice(0, 2).join(' ')}"`,
    usage: 'cloned <command> [options]',
    example: 'cloned --help',
  })
}

export function usageError(command: Command, problem: string): ClonedError {
  const words = (command.args ?? []).map(({ name, required }) => (required ? `<${name}>` : `[${name}]`))
  const usage = ['cloned', command.name, ...words, '[options]'].join(' ')
  return new ClonedError('COMMAND_USAGE', { problem, usage, example: command.examples[0] ?? usage })
}

/** Throws `COMMAND_USAGE` for a word too many or too few, and for an option that the command does not have. */
export function parse(command: Command, argv: readonly string[]): Line {
  const options = Object.fromEntries(
    (command.options ?? []).map(({ flags }) => {
      const [, short, name = ''] = /^(?:-(\w), )?--([\w-]+)/.exec(flags) ?? []
      return [name, { type: flags.endsWith('>') ? 'string' : 'boolean', ...(short ? { short } : {}) } as const]
    }),
  )
  const wrong = (problem: string) => usageError(command, problem)
  const read = () => {
    const args = argv.slice(command.name.split(' ').length)
    try {
      return parseArgs({ args, options: { ...options, ...GLOBALS }, allowPositionals: true })
    } catch (error) {
      throw wrong(describeThrown(error))
    }
  }
  const { values, positionals } = read()
  const known = command.args ?? []
  const missing = known.find(({ required }, i) => required && positionals[i] === undefined)
  if (missing) throw wrong(`missing <${missing.name}>`)
  // Not repeated: a word too many may be a secret typed by mistake.
  if (positionals.length > known.length && !known.at(-1)?.many) throw wrong('there is a word too many')
  const camel = (name: string) => name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
  return {
    command,
    args: Object.fromEntries(known.map(({ name }, i) => [name, positionals[i]])),
    rest: known.at(-1)?.many ? positionals.slice(known.length - 1) : [],
    options: Object.fromEntries(
      Object.entries(values).map(([name, value]) => [camel(name), value as string | boolean]),
    ),
    actor: values.actor as string | undefined,
  }
}
