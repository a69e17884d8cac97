// Tells calls that go to this program's gateway from calls to something that took its name; in doubt it is the latter.
import { dirname } from 'node:path'
import { isClonedError, type Json } from 'cloned/kernel'
import { placesOf, type Surroundings } from './clients.js'
import { readClientFile } from './config-file.js'
import { at, readDocument, Unreadable } from './documents/document.js'
import { isGateway } from './entry.js'
import type { HookEvent, Hooked } from './hook/formats.js'
import { GATEWAY } from './look.js'
import type { Place } from './slot.js'

const NAMED = new RegExp(`^(?:mcp__${GATEWAY}__|MCP:${GATEWAY}:)`)

/** `cwd` is that of the hook, which the client starts where it works: in the project, or anywhere below it. */
export function createGoverned(where: Surroundings, program: readonly string[], cwd: () => string) {
  return (client: Hooked, { tool, server }: HookEvent): boolean => {
    if (!NAMED.test(tool) && server !== GATEWAY) return false
    const read = documents()
    const entries = above(cwd()).flatMap((directory) =>
      placesOf(client, where, directory).flatMap(({ path, scope, format, root, dialect }) => {
        const file = read(path, scope, format, directory)
        if (file === 'unreadable') return [false]
        const entry = file === undefined ? undefined : at(file, [...root, GATEWAY])
        return entry === undefined ? [] : [isGateway(entry, dialect, program)]
      }),
    )
    // A project that defines the name itself would otherwise speak in the gateway's.
    return entries.length > 0 && entries.every((own) => own)
  }
}

/** A directory and all of those above it. */
function above(directory: string): readonly string[] {
  const next = dirname(directory)
  return next === directory ? [directory] : [directory, ...above(next)]
}

/** Reads each file once. */
function documents() {
  const files = new Map<string, Json | undefined | 'unreadable'>()
  return (path: string, scope: Place['scope'], format: Place['format'], directory: string) => {
    if (!files.has(path)) files.set(path, documentIn(path, scope, format, directory))
    return files.get(path)
  }
}

function documentIn(path: string, scope: Place['scope'], format: Place['format'], directory: string) {
  try {
    const file = readClientFile(path, scope, directory)
    return file && readDocument(file.text, format)
  } catch (error) {
    if (!isClonedError(error) && !(error instanceof Unreadable)) throw error
    return 'unreadable'
  }
}
