// Decides what may stand in the description of a server that is to be wrapped; must never complete or guess a command.
import { realpathSync } from 'node:fs'
import { basename, isAbsolute } from 'node:path'
import { hostOf } from 'cloned/connector'
import { ClonedError, digest, type JsonObject, readSchema } from 'cloned/kernel'
import { TAKEN_VARIABLE, VARIABLE_NAME } from '../sandbox/slot.js'
import type { ServerSpec } from './slot.js'

/** As it stands in canonical ids of tools: no dot. */
export const SERVER_NAME = /^[a-z][a-z0-9]*(?:[_-][a-z0-9]+)*$/

/** JSON Schema of a {@link ServerSpec}, as in the file of servers. */
export function specSchema(): JsonObject {
  return (readSchema('mcp_servers')['$defs'] as JsonObject)['server'] as JsonObject
}

/** By description; a frozen one, as read from a file, is asked about by every call. */
const digests = new WeakMap<ServerSpec, { readonly name: string; readonly digest: string }>()

/** SHA-256 that stands for a server under its name. */
export function specDigest(name: string, server: ServerSpec): string {
  const known = digests.get(server)
  if (known?.name === name) return known.digest
  const made = { name, digest: digest({ name, server } as unknown as JsonObject) }
  if (Object.isFrozen(server)) digests.set(server, made)
  return made.digest
}

/** Throws `MCP_SERVER_REFUSED` for a description that nobody should be asked about. */
export function mustBeSound(name: string, server: ServerSpec): void {
  const refuse = (problem: string, next = 'cloned mcp wrap --help') =>
    new ClonedError('MCP_SERVER_REFUSED', { name, problem, next })
  if (!SERVER_NAME.test(name) || name.length > 40) {
    throw refuse('its name is not one word of lower-case letters, digits, - and _, at most 40')
  }
  if (server.kind === 'url') {
    if (!URL.canParse(server.url)) throw refuse('its URL is none')
    const { username, password } = new URL(server.url)
    if (username !== '' || password !== '') throw refuse('its URL holds a user or password; they belong in the vault')
    return
  }
  const variable = Object.keys(server.secrets).find((each) => !VARIABLE_NAME.test(each) || TAKEN_VARIABLE.test(each))
  if (variable !== undefined) {
    const shown = JSON.stringify(variable.slice(0, 100))
    throw refuse(`its variable ${shown} is not for programs to be given`, 'Give it the secret by another variable.')
  }
  const way = installFirst(server.command)
  if (way !== undefined) throw refuse('its command downloads a program at every start', way)
  const known = [...server.read, ...server.write]
  for (const path of known) if (!isReal(path)) throw refuse(`${path} is not the real path of something that is there`)
  if (server.cwd !== undefined && !known.some((each) => below(server.cwd ?? '', each))) {
    throw refuse(`its current directory ${server.cwd} is not in what it may read`)
  }
  for (const word of server.command) {
    if (!isAbsolute(word) || !isReal(word, true) || SYSTEM.test(word)) continue
    if (!known.some((each) => below(word, each))) {
      throw refuse(`its command names ${word}, which it could not see`, `Let it read that: --read ${word}`)
    }
  }
}

const SYSTEM = /^\/(?:usr|bin|sbin|lib\w*)\//

function isReal(path: string, links = false): boolean {
  try {
    return links ? realpathSync(path) !== '' : realpathSync(path) === path
  } catch {
    return false
  }
}

function below(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`)
}

/** Programs that get another one from a registry and run it, with the words between them and its name. */
const RUNNERS: Readonly<Record<string, { readonly words: readonly string[]; readonly install: string }>> = {
  npx: { words: [], install: 'npm install --prefix DIRECTORY --ignore-scripts' },
  bunx: { words: [], install: 'npm install --prefix DIRECTORY --ignore-scripts' },
  pnpx: { words: [], install: 'npm install --prefix DIRECTORY --ignore-scripts' },
  npm: { words: ['exec', 'x'], install: 'npm install --prefix DIRECTORY --ignore-scripts' },
  pnpm: { words: ['dlx'], install: 'npm install --prefix DIRECTORY --ignore-scripts' },
  yarn: { words: ['dlx'], install: 'npm install --prefix DIRECTORY --ignore-scripts' },
  bun: { words: ['x'], install: 'npm install --prefix DIRECTORY --ignore-scripts' },
  uvx: { words: [], install: 'uv tool install' },
  uv: { words: ['tool'], install: 'uv tool install' },
  pipx: { words: ['run'], install: 'pipx install' },
}

/** How to have the program of a command here beforehand, when the command would get it anew each time. */
export function installFirst([program = '', ...rest]: readonly string[]): string | undefined {
  const runner = RUNNERS[basename(program).replace(/\.(?:cmd|exe)$/, '')]
  if (!runner) return undefined
  const words = rest.filter((word) => !word.startsWith('-'))
  if (runner.words.length > 0 && !runner.words.includes(words[0] ?? '')) return undefined
  const wanted = words.slice(runner.words.length > 0 ? 1 : 0).find((word) => word !== 'run') ?? 'PACKAGE'
  return runner.install.startsWith('npm')
    ? `Install it once: ${runner.install} ${wanted}. Then wrap what is installed: cloned mcp wrap NAME --read DIRECTORY -- node DIRECTORY/node_modules/${unversioned(wanted)}/<the file its package.json names under "bin">`
    : `Install it once: ${runner.install} ${wanted}. Then wrap the program that this installs, with --read for where it lies.`
}

function unversioned(wanted: string): string {
  return wanted.replace(/(?<=.)@[^/]*$/, '')
}

/** One clause for each thing that a person has to know before agreeing. */
export function describeServer(server: ServerSpec): readonly string[] {
  if (server.kind === 'url') {
    const headers = Object.entries(server.headers).map(([name, { secret }]) => `${name} from ${secret}`)
    return [`address: ${server.url}`, `secrets: ${listed(headers)}`]
  }
  const secrets = Object.entries(server.secrets).map(([name, secret]) => `${name} from ${secret}`)
  return [
    `command: ${server.command.map(quoted).join(' ')}`,
    `in: ${server.cwd ?? 'an empty directory'}`,
    `reads: ${listed(server.read)}`,
    `writes: ${listed(server.write)}`,
    `hosts: ${listed(server.hosts)}`,
    `variables: ${listed(secrets)}`,
  ]
}

function listed(texts: readonly string[]): string {
  return texts.length === 0 ? 'none' : texts.join(', ')
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word)
}

/** The hosts that the program or address behind this connector id was approved for; none for one that is not there. */
export function allowedHosts(
  servers: readonly { readonly name: string; readonly server: ServerSpec }[],
  connector: string,
): readonly string[] {
  return servers
    .filter(({ name }) => connector === `mcp.${name}`)
    .flatMap(({ server }) => (server.kind === 'url' ? [hostOf(server.url)] : server.hosts))
}
