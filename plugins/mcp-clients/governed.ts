// Tells calls that go to this program's gateway from calls to something that took its name; in doubt it is the latter.
import { isClonedError } from 'cloned/kernel'
import { placesOf, type Surroundings } from './clients.js'
import { readClientFile } from './config-file.js'
import { at, readDocument, Unreadable } from './documents/document.js'
import { isGateway } from './entry.js'
import type { HookEvent, Hooked } from './hook/formats.js'
import { GATEWAY } from './look.js'

const NAMED = new RegExp(`^(?:mcp__${GATEWAY}__|MCP:${GATEWAY}:)`)

/** `cwd` is that of the hook, which the client starts where it works. */
export function createGoverned(where: Surroundings, program: readonly string[], cwd: () => string) {
  return (client: Hooked, { tool, server }: HookEvent): boolean => {
    if (!NAMED.test(tool) && server !== GATEWAY) return false
    const entries = placesOf(client, where, cwd()).flatMap(({ path, scope, format, root, dialect }) => {
      const entry = entryIn(path, scope, format, [...root, GATEWAY], cwd())
      return entry === undefined ? [] : [entry !== 'unreadable' && isGateway(entry, dialect, program)]
    })
    // A project that defines the name itself would otherwise speak in the gateway's.
    return entries.length > 0 && entries.every((own) => own)
  }
}

function entryIn(
  ...[path, scope, format, way, cwd]: [
    string,
    'user' | 'project',
    'json' | 'toml',
    readonly (string | number)[],
    string,
  ]
) {
  try {
    const file = readClientFile(path, scope, cwd)
    return file && at(readDocument(file.text, format), way)
  } catch (error) {
    if (!isClonedError(error) && !(error instanceof Unreadable)) throw error
    return 'unreadable'
  }
}
