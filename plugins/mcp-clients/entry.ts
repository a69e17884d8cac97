// Reads what a client wrote down of one server, and writes the gateway down as a client does; resolves nothing.
import { basename, join } from 'node:path'
import type { Json, JsonObject } from 'cloned/kernel'
import type { Surroundings } from './clients.js'
import type { ClientId, Dialect } from './slot.js'

/** A server as a client has it. */
export type Found =
  | {
      readonly kind: 'command'
      readonly command: readonly string[]
      readonly env: Readonly<Record<string, string>>
      readonly cwd?: string
      /** Settings that have no counterpart behind the gateway. */
      readonly dropped: readonly string[]
    }
  | {
      readonly kind: 'url'
      readonly url: string
      readonly headers: Readonly<Record<string, string>>
      readonly dropped: readonly string[]
    }
  | { readonly kind: 'left'; readonly why: string }

const KNOWN: readonly string[] = [
  ...['type', 'command', 'args', 'env', 'environment', 'cwd', 'url', 'serverUrl', 'httpUrl', 'headers', 'http_headers'],
  ...['disabled', 'enabled'],
]

/** Settings that say where else secrets come from; without them the server would not be the same. */
const FOREIGN = [
  'envFile',
  'env_vars',
  'bearer_token_env_var',
  'env_http_headers',
  'headersHelper',
  'auth',
  'oauth',
  'authProviderType',
]

/** Reads one entry. What it cannot take over whole is left where it is. */
export function readEntry(entry: Json, dialect: Dialect): Found {
  const left = (why: string): Found => ({ kind: 'left', why })
  if (!isObject(entry)) return left('its entry is not an object')
  if (entry['disabled'] === true || entry['enabled'] === false) return left('it is switched off')
  const foreign = FOREIGN.find((key) => entry[key] !== undefined && entry[key] !== false)
  if (foreign !== undefined) return left(`it uses ${foreign}, which only the client can follow`)
  const dropped = Object.keys(entry).filter((key) => !KNOWN.includes(key))
  const url = entry['url'] ?? entry['serverUrl'] ?? entry['httpUrl']
  if (url !== undefined) {
    if (typeof url !== 'string' || !/^https?:\/\//.test(url)) return left('its address is not an http or https URL')
    const type = entry['type']
    if (type === 'sse' || type === 'ws') return left(`it speaks ${type}, and only Streamable HTTP is relayed`)
    const headers = texts(entry['headers'] ?? entry['http_headers'])
    return headers ? { kind: 'url', url, headers, dropped } : left('its headers are not texts')
  }
  const command = dialect === 'opencode' ? entry['command'] : [entry['command'], ...list(entry['args'])]
  const env = texts(entry['env'] ?? entry['environment'])
  if (!isTexts(command) || command[0] === undefined || command[0] === '')
    return left('it has no command and no address')
  if (!env) return left('its environment does not consist of texts')
  const { cwd } = entry
  if (cwd !== undefined && typeof cwd !== 'string') return left('its directory is not a text')
  return { kind: 'command', command, env, ...(cwd === undefined ? {} : { cwd }), dropped }
}

/**
 * The words by which a client starts a program. Clients pass on few variables of their environment, and the keys of a
 * workspace lie where XDG_CONFIG_HOME says.
 */
export function startWords(
  program: readonly string[],
  { home, platform, configHome }: Surroundings,
): readonly string[] {
  const moved = platform !== 'win32' && configHome !== undefined && configHome !== join(home, '.config')
  return moved ? ['/usr/bin/env', `XDG_CONFIG_HOME=${configHome}`, ...program] : program
}

/** The one entry that points a client at the gateway. */
export function gatewayEntry(command: readonly string[], dialect: Dialect): JsonObject {
  const [program = '', ...args] = command
  if (dialect === 'opencode') return { type: 'local', command: [program, ...args], enabled: true }
  return dialect === 'codex' ? { command: program, args } : { type: 'stdio', command: program, args }
}

/** Variable of the client's environment that has the token: no entry holds it itself. */
export const TOKEN = 'CLONED_TOKEN'

/** How each client writes a variable of its environment; one that is not here speaks no HTTP, or has a key of its own. */
const VARIABLES: Readonly<Partial<Record<ClientId, string>>> = {
  'claude-code': `\${${TOKEN}}`,
  cursor: `\${env:${TOKEN}}`,
  vscode: `\${env:${TOKEN}}`,
  gemini: `\${${TOKEN}}`,
  windsurf: `\${env:${TOKEN}}`,
  opencode: `{env:${TOKEN}}`,
}

/** The same for a gateway that runs already; `undefined` for a client that only starts programs. */
export function remoteEntry(url: string, client: ClientId): JsonObject | undefined {
  if (client === 'codex') return { url, bearer_token_env_var: TOKEN }
  const variable = VARIABLES[client]
  if (variable === undefined) return undefined
  const headers = { Authorization: `Bearer ${variable}` }
  if (client === 'gemini') return { httpUrl: url, headers }
  if (client === 'windsurf') return { serverUrl: url, headers }
  return client === 'opencode' ? { type: 'remote', url, enabled: true, headers } : { type: 'http', url, headers }
}

/** Whether a token may be sent to this address: elsewhere it would go over the network as it is. */
export function isAddress(url: string): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, hostname, username, password, hash } = new URL(url)
  const here = protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(hostname)
  return (protocol === 'https:' || here) && username === '' && password === '' && hash === ''
}

/** Whether an entry starts this program's gateway. `program` are the words that start the program. */
export function isGateway(entry: Json, dialect: Dialect, program: readonly string[]): boolean {
  const found = readEntry(entry, dialect)
  if (found.kind !== 'command' || Object.keys(found.env).length > 0) return false
  const { command } = found
  if (!program.every((word, i) => command[i] === word)) return false
  const rest = command.slice(program.length)
  return rest.at(-1) === 'mcp' && (rest.length === 1 || (rest.length === 3 && rest[0] === '--workspace'))
}

/** A program by its last name: `npx` of `/usr/bin/npx` and of `npx.cmd`. */
export function programName(program: string): string {
  return basename(program).replace(/\.(?:cmd|exe|ps1)$/i, '')
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

function list(value: Json | undefined): readonly unknown[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value]
}

function texts(value: Json | undefined): Readonly<Record<string, string>> | undefined {
  if (value === undefined) return {}
  if (!isObject(value)) return undefined
  // Clients take numbers and booleans for texts.
  const entries = Object.entries(value).map(
    ([key, each]) => [key, typeof each === 'object' ? undefined : String(each)] as const,
  )
  return entries.every(([, each]) => each !== undefined)
    ? (Object.fromEntries(entries) as Record<string, string>)
    : undefined
}
