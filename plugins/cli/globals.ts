// Takes the options that every command knows out of the command line; what is left is the command's own.
import type { ClonedError } from 'cloned/kernel'
import { lineError } from './usage.js'

/** The options that every command knows. */
export interface GlobalOptions {
  workspace: string | undefined
  actor: string | undefined
  json: boolean
  dryRun: boolean
  yes: boolean
  quiet: boolean
  noColor: boolean
  help: boolean
  version: boolean
}

/** One row of help: the option as typed and what it does. */
export const GLOBAL_HELP: readonly (readonly [flags: string, description: string])[] = [
  ['--workspace <dir>', 'Directory of the workspace (default: found from the current directory upward)'],
  ['--json', 'Print one JSON document on standard output, errors included'],
  ['--dry-run', 'Judge and show what would happen, do nothing'],
  ['--yes', 'Skip confirmations; never answers an approval'],
  ['--actor <id>', 'Act as this actor, recorded as a claim: agent:researcher'],
  ['--quiet', 'No notes on standard error'],
  ['--no-color', 'No colours (also: NO_COLOR=1)'],
  ['-h, --help', 'Show help'],
  ['-v, --version', 'Show the version'],
]

const FLAGS: ReadonlyMap<string, Exclude<keyof GlobalOptions, 'workspace' | 'actor'>> = new Map([
  ['--json', 'json'],
  ['--dry-run', 'dryRun'],
  ['--yes', 'yes'],
  ['--quiet', 'quiet'],
  ['--no-color', 'noColor'],
  ['--help', 'help'],
  ['-h', 'help'],
  ['--version', 'version'],
  ['-v', 'version'],
] as const)

const VALUES: ReadonlyMap<string, 'workspace' | 'actor'> = new Map([
  ['--workspace', 'workspace'],
  ['--actor', 'actor'],
] as const)

/** A command line without its global options. */
export interface Split {
  readonly globals: GlobalOptions
  readonly rest: readonly string[]
  /** What is wrong with the global options. The others are still read, so that `--json` holds for the error too. */
  readonly problem: ClonedError | undefined
}

/** Reads the global options wherever they stand before `--`. */
export function splitGlobals(argv: readonly string[]): Split {
  const globals: GlobalOptions = {
    workspace: undefined,
    actor: undefined,
    json: false,
    dryRun: false,
    yes: false,
    quiet: false,
    noColor: false,
    help: false,
    version: false,
  }
  const rest: string[] = []
  const problems: string[] = []
  for (let i = 0; i < argv.length; i++) {
    const token = argv[i] ?? ''
    if (token === '--') {
      rest.push(...argv.slice(i))
      break
    }
    const equals = token.startsWith('--') ? token.indexOf('=') : -1
    const name = equals < 0 ? token : token.slice(0, equals)
    const flag = FLAGS.get(name)
    const wanted = VALUES.get(name)
    if (flag !== undefined) {
      if (equals >= 0) problems.push(`${name} takes no value`)
      globals[flag] = true
    } else if (wanted !== undefined) {
      const value = equals < 0 ? argv[i + 1] : token.slice(equals + 1)
      if (equals < 0 && value !== undefined && !value.startsWith('-')) i++
      if (value === undefined || value === '' || (equals < 0 && value.startsWith('-'))) {
        problems.push(`${name} needs a value`)
      } else if (globals[wanted] !== undefined) problems.push(`${name} is given twice`)
      else globals[wanted] = value
    } else rest.push(token)
  }
  return { globals, rest, problem: problems.length === 0 ? undefined : lineError(problems.join('; ')) }
}
