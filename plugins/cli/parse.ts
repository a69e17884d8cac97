// Finds the command of a command line and reads its arguments and options; it must never guess at what was meant.
import { type CAC, type Command as CacCommand, cac } from 'cac'
import { ClonedError, didYouMean, nearest, suggestion } from 'cloned/kernel'
import { GLOBAL_HELP } from './globals.js'
import type { Command } from './slot.js'
import { lineError, usageError } from './usage.js'

/** A command with what was passed to it. */
export interface Parsed {
  readonly command: Command
  readonly args: Readonly<Record<string, string | undefined>>
  /** Every word of the last argument when it takes many. */
  readonly rest: readonly string[]
  readonly options: Readonly<Record<string, string | boolean | undefined>>
}

type CacOption = CacCommand['options'][number]

const GLOBAL_FLAGS = GLOBAL_HELP.flatMap(([flags]) => flags.split(/, | <.*/)).filter((flag) => flag !== '')

/** Finds the command that a line without global options starts with; throws `COMMAND_UNKNOWN` or `COMMAND_INCOMPLETE`. */
export function findCommand(
  commands: readonly Command[],
  rest: readonly string[],
): { command: Command; rest: readonly string[] } {
  const [first = '', second] = rest
  if (first.startsWith('-')) {
    const near = didYouMean(first, GLOBAL_FLAGS)
    throw lineError(`${first} stands before the command, and is not an option of every command${near}`)
  }
  const two = second === undefined ? undefined : commands.find((command) => command.name === `${first} ${second}`)
  if (two) return { command: two, rest: rest.slice(2) }
  const one = commands.find((command) => command.name === first)
  if (one) return { command: one, rest: rest.slice(1) }

  const area = commands.filter((command) => command.name.startsWith(`${first} `)).map((command) => command.name)
  if (area.length > 0 && (second === undefined || second.startsWith('-'))) {
    throw new ClonedError('COMMAND_INCOMPLETE', { area: first, commands: area.join(', ') })
  }
  const typed = second === undefined || second.startsWith('-') ? first : `${first} ${second}`
  const names = commands.map((command) => command.name)
  const areas = names.map((name) => name.split(' ')[0] ?? name)
  const near = nearest(typed, names) ?? (area.length > 0 ? `${first} --help` : nearest(first, areas))
  throw new ClonedError('COMMAND_UNKNOWN', { command: typed, near: suggestion(near) })
}

/**
 * Reads what follows the name of a command. Everything wrong is one `COMMAND_USAGE`: an unknown option, a missing value,
 * an option given twice, a missing or surplus argument.
 */
export function parseCommand(command: Command, rest: readonly string[]): Parsed {
  const { parser, definition } = register(command)
  const problems: string[] = []
  const line = normalise(definition, rest, problems)
  if (problems.length > 0) throw usageError(command, problems.join('; '))

  // cac lists commands of two words in its help and never matches them, because it compares one word of the line. As one
  // word with a space in it the name does match: this is the only place that knows.
  const { args, options } = parser.parse(['node', 'cloned', command.name, ...line], { run: false })
  if (parser.matchedCommand !== definition) throw usageError(command, `"${command.name}" was not understood`)

  const names = command.args ?? []
  const missing = names.filter((argument, i) => argument.required === true && args[i] === undefined)
  if (missing.length > 0) throw usageError(command, `missing ${missing.map(({ name }) => `<${name}>`).join(' ')}`)
  const many = names.at(-1)?.many === true
  if (args.length > names.length && !many) {
    const surplus = args.slice(names.length).map((argument) => `"${plain(argument)}"`)
    throw usageError(
      command,
      command.discreet ? 'there are too many arguments' : `unexpected argument ${surplus.join(', ')}`,
    )
  }
  return {
    command,
    args: Object.fromEntries(names.map(({ name }, i) => [name, args[i] === undefined ? undefined : plain(args[i])])),
    rest: many ? args.slice(names.length - 1).map(plain) : [],
    options: Object.fromEntries(
      definition.options.map(({ name }) => {
        const value: unknown = options[name]
        return [name, typeof value === 'string' ? plain(value) : value === true ? true : undefined]
      }),
    ),
  }
}

function register(command: Command): { parser: CAC; definition: CacCommand } {
  const parser = cac('cloned')
  const words = (command.args ?? []).map(({ name, required }) => (required === true ? `<${name}>` : `[${name}]`))
  const definition = parser.command([command.name, ...words].join(' '), command.summary)
  for (const { flags, description } of command.options ?? []) {
    // `--no-x` would be cac's `x: false`; here an option is what its name says.
    definition.option(
      flags.replace(/--no-([a-z])/, (_, letter: string) => `--no${letter.toUpperCase()}`),
      description,
    )
  }
  return { parser, definition }
}

/**
 * Brings a line into the one form that cac reads back unchanged: arguments first, then `--camelName` or `--name=:value`.
 * Left to itself, cac's parser reads `007` as 7 and `-` as a flag, gives a flag the word after it when that is `true` or
 * `false`, and drops `--constructor` without a word; behind a colon every value stays the text it was.
 */
function normalise(definition: CacCommand, rest: readonly string[], problems: string[]): string[] {
  const positional: string[] = []
  const options = new Map<string, string>()
  for (let i = 0; i < rest.length; i++) {
    const token = rest[i] ?? ''
    if (token === '--') {
      positional.push(...rest.slice(i + 1))
      break
    }
    if (token === '-' || !token.startsWith('-')) {
      positional.push(token)
      continue
    }
    const equals = token.indexOf('=')
    const name = equals < 0 ? token : token.slice(0, equals)
    const option = optionOf(definition, name)
    if (!option) {
      problems.push(`unknown option ${name}${didYouMean(name, definition.options.map(longFlag))}`)
      continue
    }
    const flag = longFlag(option)
    if (options.has(flag)) problems.push(`${flag} is given twice`)
    if (option.isBoolean) {
      if (equals >= 0) problems.push(`${flag} takes no value`)
      options.set(flag, `--${option.name}`)
      continue
    }
    let value = equals < 0 ? undefined : token.slice(equals + 1)
    if (equals < 0 && takesNext(rest[i + 1])) value = rest[++i]
    if (value === undefined) problems.push(`${flag} needs a value (a value that starts with "-": ${flag}=-…)`)
    options.set(flag, `${flag}=:${value ?? ''}`)
  }
  return [...positional.map((argument) => `:${argument}`), ...options.values()]
}

function takesNext(token: string | undefined): boolean {
  return token !== undefined && (token === '-' || !token.startsWith('-'))
}

/** cac keeps names in camel case; on the command line they are in kebab case, and in no other. */
function optionOf(definition: CacCommand, typed: string): CacOption | undefined {
  const long = /^--([a-z][a-z0-9]*(?:-[a-z0-9]+)*)$/.exec(typed)?.[1]
  const short = /^-([a-z])$/i.exec(typed)?.[1]
  const name = long?.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()) ?? short
  return definition.options.find((option) => name !== undefined && option.names.includes(name))
}

function longFlag(option: CacOption): string {
  return `--${option.name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}

function plain(value: string): string {
  return value.slice(1)
}
