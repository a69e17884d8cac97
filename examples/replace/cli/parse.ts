// Finds the command that words name and reads its arguments and options; a word that it does not know is never passed over.
import { parseArgs } from 'node:util'
import { describeThrown } from 'cloned/kernel'
import { type Command, lineError, type UnattendedParts, usageError } from 'cloned/plugins/cli'

/** A line that was understood. */
export interface Line extends Pick<UnattendedParts, 'command' | 'args' | 'rest' | 'options'> {
  readonly globals: UnattendedParts['globals'] & { readonly quiet: boolean }
}

/** Options that every command takes. */
const GLOBALS = {
  workspace: { type: 'string' },
  actor: { type: 'string' },
  json: { type: 'boolean', default: false },
  'dry-run': { type: 'boolean', default: false },
  yes: { type: 'boolean', default: false },
  quiet: { type: 'boolean', default: false },
  'no-color': { type: 'boolean' },
} as const

/** The directory of `--workspace`: wanted before anybody knows the command, whose other options are then passed over. */
export function workspaceOf(argv: readonly string[]): string | undefined {
  const { workspace } = parseArgs({ args: [...argv], options: GLOBALS, strict: false }).values
  return typeof workspace === 'string' ? workspace : undefined
}

/**
 * Throws `COMMAND_USAGE` for a command that is not there, a word too many or too few, and an option that the command does not
 * have.
 */
export function parse(commands: readonly Command[], argv: readonly string[]): Line {
  const names = [argv.slice(0, 2).join(' '), argv[0]]
  const [command] = names.flatMap((name) => commands.find((one) => one.name === name) ?? [])
  if (!command) throw lineError(`there is no command "${names[0]}"`)
  const { values, positionals } = wordsOf(command, argv.slice(command.name.split(' ').length))
  const { workspace, actor, json, dryRun, yes, quiet, ...options } = values
  const known = command.args ?? []
  const missing = known.find(({ required }, i) => required && positionals[i] === undefined)
  if (missing) throw usageError(command, `missing <${missing.name}>`)
  const many = known.at(-1)?.many === true
  // Not repeated: a word too many may be a secret typed by mistake.
  if (positionals.length > known.length && !many) throw usageError(command, 'there is a word too many')
  return {
    command,
    args: Object.fromEntries(known.map(({ name }, i) => [name, positionals[i]])),
    rest: many ? positionals.slice(known.length - 1) : [],
    options,
    globals: { workspace, actor, json, dryRun, yes, quiet },
  }
}

function wordsOf(command: Command, args: readonly string[]) {
  const own = (command.options ?? []).map(({ flags }) => {
    const [, short, name = ''] = /^(?:-(\w), )?--([\w-]+)/.exec(flags) ?? []
    return [name, { type: flags.endsWith('>') ? 'string' : 'boolean', ...(short ? { short } : {}) } as const]
  })
  try {
    const options = { ...Object.fromEntries(own), ...GLOBALS }
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
    const named = Object.entries(values).map(([name, value]) => [camel(name), value])
    return { positionals, values: Object.fromEntries(named) as Line['globals'] & Line['options'] }
  } catch (error) {
    throw usageError(command, describeThrown(error))
  }
}

function camel(name: string): string {
  return name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
}
