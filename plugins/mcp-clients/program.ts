// Finds the program that a client's command runs, and the paths it names; must never download one, nor guess at one.
import { readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname, isAbsolute, join, sep } from 'node:path'
import { programName } from './entry.js'

/** What is asked of the machine. */
export interface Machine {
  /** Where packages were installed for servers: it holds `node_modules`. */
  readonly installed: string
  /** The directory of the workspace's own files, which no server is let into. */
  readonly reserved: string | undefined
}

export interface Paths {
  readonly read: readonly string[]
  readonly write: readonly string[]
  readonly cwd?: string
  /** A directory that holds the workspace's own files. */
  readonly reserved?: string
  /** What is named and not there. */
  readonly missing: readonly string[]
  /** Files among those to read that are no scripts. */
  readonly files: readonly string[]
}

export type Program =
  | {
      readonly kind: 'found'
      /** What takes the place of the words before the arguments. */
      readonly command: readonly string[]
      /** How many words of the command are arguments still. */
      readonly args: number
    }
  | { readonly kind: 'missing'; readonly why: string }

/** Programs that fetch another one at every start, with what they have before its name. */
const FETCHERS: Readonly<Record<string, readonly string[]>> = {
  npx: [],
  bunx: [],
  pnpx: [],
  uvx: [],
  npm: ['exec', 'x'],
  pnpm: ['dlx'],
  yarn: ['dlx'],
  bun: ['x'],
  pipx: ['run'],
}

/** Options of fetchers that take the next word. */
const WITH_VALUE = new Set(['-p', '--package', '--from', '--with', '--python', '-c', '--call'])

/** A fetched package is looked for among those that were installed; any other command is taken as it stands. */
export function findProgram(command: readonly string[], { installed }: Pick<Machine, 'installed'>): Program {
  const [first = '', ...rest] = command
  const fetcher = programName(first)
  const verbs = FETCHERS[fetcher]
  const asIs: Program = { kind: 'found', command: [first], args: rest.length }
  if (!verbs) return asIs
  let at = 0
  if (verbs.length > 0) {
    if (!verbs.includes(rest[0] ?? '')) return asIs
    at = 1
  }
  while (at < rest.length && (rest[at] ?? '').startsWith('-')) {
    if (rest[at] === '--') {
      at += 1
      break
    }
    if (WITH_VALUE.has(rest[at] ?? ''))
      return { kind: 'missing', why: `${fetcher} is told with ${rest[at]} what to fetch` }
    at += 1
  }
  const named = rest[at] ?? ''
  const name = named.replace(/(?<=.)@[^/@]*$/, '')
  const python = fetcher === 'uvx' || fetcher === 'pipx'
  const way = python
    ? `uv tool install ${named}   Then wrap the program that this installs: cloned mcp wrap NAME --read DIRECTORY -- PROGRAM`
    : `npm install --ignore-scripts --prefix ${installed} ${named}   Then run this import again`
  const why = `${fetcher} fetches it at every start, so that nobody knows what will run. Install it once: ${way}`
  const missing: Program = { kind: 'missing', why }
  if (python || !/^(?:@[a-z0-9~._-]+\/)?[a-z0-9~][a-z0-9~._-]*$/.test(name)) return missing
  const script = binOf(join(installed, 'node_modules', name), name)
  if (script === undefined) return missing
  return { kind: 'found', command: ['node', script], args: rest.length - at - 1 }
}

/** The file that a package runs by its own name. */
function binOf(directory: string, name: string): string | undefined {
  try {
    const { bin } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as { bin?: unknown }
    const bins = typeof bin === 'object' && bin !== null ? Object.values(bin) : [bin]
    const own =
      typeof bin === 'object' && bin !== null ? (bin as Record<string, unknown>)[name.split('/').at(-1) ?? ''] : bin
    const file = own ?? (bins.length === 1 ? bins[0] : undefined)
    return typeof file === 'string' ? realpathSync(join(directory, file)) : undefined
  } catch {
    // Not installed, or not a package: the person hears how to install it.
    return undefined
  }
}

const SCRIPT = /\.[cm]?[jt]s$|\.py$/

/** The program or the script of a command that is not there, where it says by its whole path what that is. */
export function goneIn(command: readonly string[]): string | undefined {
  return command.find((word, i) => (i === 0 || SCRIPT.test(word)) && isAbsolute(word) && realOf(word) === undefined)
}

const SYSTEM = /^\/(?:usr|bin|sbin|lib\w*)(?:\/|$)/

/** What is known besides the words of a command. */
interface Around {
  readonly cwd: string | undefined
  /** What a person lets it write. */
  readonly writes: readonly string[]
  readonly reserved: string | undefined
}

/**
 * What the words of a command name: directories it may write, since that is what they are named for, and files it may
 * read; of a script, the whole package it belongs to.
 */
export function pathsIn(words: readonly string[], { cwd, writes, reserved }: Around): Paths {
  const read: string[] = []
  const write: string[] = []
  const missing: string[] = []
  const files: string[] = []
  for (const path of writes) {
    const real = realOf(path)
    if (real === undefined) missing.push(path)
    else write.push(real)
  }
  for (const word of words) {
    if (!isAbsolute(word)) continue
    const real = realOf(word)
    if (real === undefined && !write.some((path) => within(word, path))) missing.push(word)
    if (real === undefined || SYSTEM.test(real) || write.some((path) => within(real, path))) continue
    if (statSync(real).isDirectory()) write.push(real)
    else if (SCRIPT.test(real)) read.push(packageOf(real))
    else {
      read.push(real)
      files.push(real)
    }
  }
  const directory = cwd === undefined ? undefined : realOf(cwd)
  if (directory !== undefined) read.push(directory)
  const holds = [...read, ...write].find((path) => reserved !== undefined && within(reserved, path))
  return {
    read,
    write,
    missing,
    files,
    ...(directory === undefined ? {} : { cwd: directory }),
    ...(holds === undefined ? {} : { reserved: holds }),
  }
}

function within(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith(sep) ? directory : directory + sep)
}

function realOf(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined
  }
}

/** The package of a script, or all of those that it was installed with: what it needs lies beside it. */
function packageOf(script: string): string {
  const installed = /^.*?\/node_modules(?=\/)/.exec(script)?.[0]
  if (installed !== undefined) return installed
  for (let at = dirname(script); ; at = dirname(at)) {
    if (realOf(join(at, 'package.json')) !== undefined || realOf(join(at, 'pyproject.toml')) !== undefined) return at
    if (at === dirname(at)) return dirname(script)
  }
}
