// Keeps what imports did and what they wait for, with the files as they were; must never lose the first version of a file.
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import {
  ClonedError,
  type Json,
  type JsonObject,
  privateDirectory,
  readJson,
  readPrivateFile,
  sha256,
  writeFileAtomic,
} from 'cloned/kernel'
import type { Path } from './documents/document.js'

/** A file that was changed. */
export interface ChangedFile {
  readonly path: string
  readonly format: 'json' | 'toml'
  /** Permissions it had; `null` when it was made by the import. */
  readonly mode: number | null
  /** SHA-256 of the first version, kept beside the ledger; of the empty text when it was not there. */
  readonly before: string
  /** SHA-256 of what the import wrote last. */
  readonly after: string
  /** Paths that were set or removed. */
  readonly touched: readonly Path[]
  /** What was added to lists. */
  readonly added: readonly { readonly path: Path; readonly value: Json }[]
}

/** Everything that is kept. */
export interface Ledger {
  readonly version: 1
  readonly files: readonly ChangedFile[]
  /** Wrapped servers by name: digest of what was wrapped. */
  readonly servers: Readonly<Record<string, string>>
  /** Secrets by name in the vault: a keyed token of the value. */
  readonly secrets: Readonly<Record<string, string>>
  /** Approvals that were asked for, by what they are for. */
  readonly pending: Readonly<Record<string, string>>
}

const EMPTY: Ledger = { version: 1, files: [], servers: {}, secrets: {}, pending: {} }
const texts: JsonObject = { type: 'object', additionalProperties: { type: 'string', maxLength: 200 } }
const hash: JsonObject = { type: 'string', pattern: '^[0-9a-f]{64}$' }
const WAY: JsonObject = { type: 'array', minItems: 1, maxItems: 8, items: { type: ['string', 'integer'] } }
const SCHEMA: JsonObject = {
  type: 'object',
  additionalProperties: false,
  required: ['version', 'files', 'servers', 'secrets', 'pending'],
  properties: {
    version: { const: 1 },
    servers: texts,
    secrets: texts,
    pending: texts,
    files: {
      type: 'array',
      maxItems: 500,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['path', 'format', 'mode', 'before', 'after', 'touched', 'added'],
        properties: {
          path: { type: 'string', minLength: 1, maxLength: 4096 },
          format: { enum: ['json', 'toml'] },
          mode: { type: ['integer', 'null'], minimum: 0, maximum: 511 },
          before: hash,
          after: hash,
          touched: { type: 'array', maxItems: 1000, items: WAY },
          added: {
            type: 'array',
            maxItems: 1000,
            items: {
              type: 'object',
              additionalProperties: false,
              required: ['path', 'value'],
              properties: { path: WAY, value: true },
            },
          },
        },
      },
    },
  },
}

/** The ledger in `imports/` of a workspace; made by the first write. */
export class Ledgers {
  readonly #directory: () => string

  constructor(directory: () => string) {
    this.#directory = directory
  }

  /** Throws `FILE_INVALID` for one that was damaged, `FILE_UNSAFE` for one that others could have written. */
  read(): Ledger {
    const path = join(this.#directory(), 'ledger.json')
    if (readPrivateFile(path) === undefined) return EMPTY
    return readJson(path, SCHEMA) as unknown as Ledger
  }

  write(ledger: Ledger): void {
    this.#make()
    writeFileAtomic(join(this.#directory(), 'ledger.json'), `${JSON.stringify(ledger as unknown as Json, null, 2)}\n`)
  }

  /** Keeps a first version. It may hold secrets: mode 0600. */
  keep(text: string): string {
    this.#make()
    const name = sha256(text)
    writeFileAtomic(join(this.#directory(), name), text)
    return name
  }

  /** The first version of a file. Throws `IMPORT_BACKUP` unless it is what was kept. */
  kept(file: ChangedFile): string {
    const text = readPrivateFile(join(this.#directory(), file.before))?.toString('utf8')
    const refuse = (problem: string) => new ClonedError('IMPORT_BACKUP', { path: file.path, problem })
    if (text === undefined) throw refuse('it is missing')
    if (sha256(text) !== file.before) throw refuse('it was changed')
    return text
  }

  /** Removes first versions that the ledger does not name any more: they may hold secrets. */
  tidy({ files }: Ledger): void {
    const named = new Set(files.map(({ before }) => before))
    for (const name of readdirSync(this.#directory())) {
      if (/^[0-9a-f]{64}$/.test(name) && !named.has(name)) rmSync(join(this.#directory(), name))
    }
  }

  #make(): void {
    mkdirSync(join(this.#directory(), '..'), { recursive: true })
    privateDirectory(this.#directory())
  }
}
