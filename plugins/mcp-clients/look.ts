// Looks at the configuration of clients and says what an import would do; changes nothing, and asks nobody.
import { ClonedError, describeThrown, digest, isClonedError, type Json } from 'cloned/kernel'
import { CLIENTS, type ClientHooks, placesOf, type Surroundings } from './clients.js'
import { type ClientFile, readClientFile } from './config-file.js'
import { at, readDocument, Unreadable } from './documents/document.js'
import { isGateway, readEntry } from './entry.js'
import { hasHook } from './hook/install.js'
import type { Machine } from './program.js'
import { type Made, makeServer } from './server.js'
import type { ClientId, Place } from './slot.js'

/** One server of a client. */
export interface FoundServer {
  readonly place: Place
  /** Key in the client's map. */
  readonly key: string
  /** Name behind the gateway. */
  readonly name: string
  /** Stands for what would be wrapped, its secrets included; equal ones are wrapped once. */
  readonly digest: string
  readonly made: Made
}

/** A file as it was read, and what it says. */
export interface ReadFile {
  readonly file: ClientFile
  readonly value: Json
}

/** What a look found. */
export interface Look {
  readonly files: ReadonlyMap<string, ReadFile>
  readonly servers: readonly FoundServer[]
  /** Places with an entry of the gateway already. */
  readonly connected: readonly Place[]
  /** Clients of which there is a file, and hooks that are not installed. */
  readonly clients: readonly ClientId[]
  readonly hooks: readonly { readonly client: ClientId; readonly hooks: ClientHooks; readonly path: string }[]
  /** Files and entries that could not be looked at. */
  readonly problems: readonly { readonly path: string; readonly problem: string }[]
}

export interface LookParts {
  readonly where: Surroundings
  readonly cwd: string
  readonly machine: Machine
  /** The words that start this program. */
  readonly program: readonly string[]
  /** Hosts by name of server. */
  readonly hosts: ReadonlyMap<string, readonly string[]>
  /** Files and directories that may be written, by name of server. Absolute paths. */
  readonly writes: ReadonlyMap<string, readonly string[]>
}

/** Looks at these clients. */
export function lookAtClients(ids: readonly ClientId[], parts: LookParts): Look {
  const hooks = ids.flatMap((client) => {
    const { hooks } = CLIENTS[client]
    return hooks ? [{ client, hooks, path: hooks.path(parts.where) }] : []
  })
  return look(
    ids.flatMap((id) => placesOf(id, parts.where, parts.cwd)),
    hooks,
    parts,
  )
}

/** Looks at one file, of whichever client its content is. Throws `CLIENT_UNKNOWN` when it is none that is known. */
export function lookAtFile(path: string, parts: LookParts): Look {
  const usual = { client: undefined, scope: 'user', path } as const
  const read = readClientFile(path)
  if (!read) throw new ClonedError('CLIENT_UNKNOWN', { client: path, near: '', known: Object.keys(CLIENTS).join(', ') })
  const codex = path.endsWith('.toml')
  const value = readDocument(read.text, codex ? 'toml' : 'json')
  const root = codex
    ? 'mcp_servers'
    : (['mcpServers', 'servers', 'mcp'].find((key) => at(value, [key])) ?? 'mcpServers')
  const place: Place = {
    ...usual,
    format: codex ? 'toml' : 'json',
    root: [root],
    entryRoot: [root],
    dialect: codex ? 'codex' : root === 'mcp' ? 'opencode' : 'usual',
  }
  return look([place], [], parts)
}

function look(places: readonly Place[], hooks: Look['hooks'], parts: LookParts): Look {
  const files = new Map<string, ReadFile>()
  const problems: { path: string; problem: string }[] = []
  const refused = new Set<string>()
  const read = (path: string, scope: Place['scope'], format: Place['format']): ReadFile | undefined => {
    if (files.has(path) || refused.has(path)) return files.get(path)
    try {
      const file = readClientFile(path, scope, parts.cwd)
      if (!file) return undefined
      const found = { file, value: readDocument(file.text, format) }
      files.set(path, found)
      return found
    } catch (error) {
      if (!isClonedError(error) && !(error instanceof Unreadable)) throw error
      refused.add(path)
      problems.push({ path, problem: isClonedError(error) ? error.message : describeThrown(error) })
      return undefined
    }
  }
  const servers: FoundServer[] = []
  const connected: Place[] = []
  const clients = new Set<ClientId>()
  const names = new Map<string, string>()
  for (const place of places) {
    const found = read(place.path, place.scope, place.format)
    if (!found) continue
    if (place.client) clients.add(place.client)
    const map = at(found.value, place.root)
    if (map === undefined || map === null || typeof map !== 'object' || Array.isArray(map)) continue
    for (const [key, entry] of Object.entries(map)) {
      if (isGateway(entry, place.dialect, parts.program)) {
        connected.push(place)
        continue
      }
      if (key === GATEWAY) {
        problems.push({
          path: place.path,
          problem: 'its entry "cloned" does not start this program, and stands in its name',
        })
        continue
      }
      const own = readEntry(entry, place.dialect)
      const told = digest(own as unknown as Json)
      const name = nameFor(key, told, names)
      const granted = { hosts: parts.hosts.get(name) ?? [], writes: parts.writes.get(name) ?? [] }
      const made = own.kind === 'left' ? own : makeServer(name, own, granted, parts.machine)
      servers.push({ place, key, name, made, digest: digest([name, told, granted]) })
    }
  }
  const missing = hooks.filter(({ client, hooks: own, path }) => {
    if (!clients.has(client)) return false
    const found = read(path, 'user', 'json')
    return !refused.has(path) && !hasHook(found?.value ?? {}, client, own, parts.program)
  })
  return { files, servers, connected, clients: [...clients], hooks: missing, problems }
}

/** The key of the gateway's entry in every client. */
export const GATEWAY = 'cloned'

/** A name that the gateway takes; the same entry under the same key has the same one in every client. */
function nameFor(key: string, own: string, names: Map<string, string>): string {
  const word = key
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+|-+$/g, '')
    .slice(0, 36)
  const base = word === '' || word === 'internal' ? 'server' : word.replace(/-+$/, '')
  for (let i = 1; ; i++) {
    const name = i === 1 ? base : `${base}-${i}`
    const taken = names.get(name)
    if (taken === undefined || taken === own) {
      names.set(name, own)
      return name
    }
  }
}
