// Keeps lists of tools by the digest of what they say; what comes back is what was put in, or nothing.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  ClonedError,
  canonical,
  type JsonObject,
  privateDirectory,
  readPrivateFile,
  sha256,
  writeFileAtomic,
} from 'cloned/kernel'

/** The tools that a person agrees to, and what their server said of itself then. */
export interface ToolList {
  readonly about: JsonObject
  /** As the server lists them, sorted by name. */
  readonly tools: readonly JsonObject[]
}

/** No tool has this name. */
export const INSTRUCTIONS = ''

/** Everything in a list that models read: its tools, and what their server tells whoever uses it. */
export function readByModels({ about, tools }: ToolList): readonly JsonObject[] {
  const { instructions } = about
  return instructions === undefined ? tools : [{ name: INSTRUCTIONS, instructions }, ...tools]
}

const MAX_BYTES = 64 * 1024 * 1024

export class ToolLists {
  readonly #directory: () => string
  readonly #read = new Map<string, ToolList>()

  constructor(directory: () => string) {
    this.#directory = directory
  }

  put(list: ToolList): string {
    const bytes = Buffer.from(canonical(list as unknown as JsonObject))
    const digest = sha256(bytes)
    mkdirSync(join(this.#directory(), '..'), { recursive: true, mode: 0o700 })
    privateDirectory(this.#directory())
    writeFileAtomic(this.#path(digest), bytes)
    return digest
  }

  /** Throws `MCP_SERVER_CHANGED` when it is not there, or not itself. The same object for as long as it is known. */
  get(name: string, digest: string): ToolList {
    const known = this.#read.get(digest)
    if (known) return known
    const bytes = readPrivateFile(this.#path(digest), { maxBytes: MAX_BYTES })
    if (!bytes || sha256(bytes) !== digest) {
      throw new ClonedError('MCP_SERVER_CHANGED', {
        name,
        problem: `the list of its tools ${bytes ? 'was changed' : 'is gone'}`,
      })
    }
    const list = JSON.parse(bytes.toString('utf8')) as ToolList
    if (this.#read.size > 100) this.#read.clear()
    this.#read.set(digest, list)
    return list
  }

  #path(digest: string): string {
    return join(this.#directory(), `${digest}.json`)
  }
}
