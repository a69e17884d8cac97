// Keeps what is installed in files named by their digest; the one that counts is the one that the audit log names.
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import {
  type AuditLog,
  ClonedError,
  canonical,
  type Json,
  readPrivateFile,
  sha256,
  writeFileAtomic,
} from 'cloned/kernel'

/** An installed package. */
export type Row = {
  readonly id: string
  readonly version: string
  readonly publisher: string
  readonly digest: string
  readonly enabled: boolean
  readonly installedAt: number
  readonly installedBy: string
}

/** Everything that is known, immutable. */
export type State = {
  readonly installed: readonly Row[]
  /** Of everything that was ever installed, by `kind name`: a name means one thing for good. */
  readonly pins: { readonly [name: string]: string }
  /** The highest version that was ever installed, by id. */
  readonly highest: { readonly [id: string]: string }
}

/** The record that names the state that counts. */
const RECORD = 'acme.registry'
const EMPTY: State = { installed: [], pins: {}, highest: {} }

export class States {
  readonly #directory: () => string
  readonly #audit: Pick<AuditLog, 'latest'>

  constructor(directory: () => string, audit: Pick<AuditLog, 'latest'>) {
    this.#directory = directory
    this.#audit = audit
  }

  /** Throws `FILE_INVALID` when the file is not there any more, or not itself. */
  async read(): Promise<State> {
    const digest = (await this.#audit.latest(RECORD))?.record['state']
    if (digest === undefined) return EMPTY
    const path = this.#path(String(digest))
    const bytes = readPrivateFile(path)
    if (bytes && sha256(bytes) === digest) return JSON.parse(bytes.toString('utf8')) as State
    const problem = 'it is not what the audit log knows'
    throw new ClonedError('FILE_INVALID', { path, line: '', problem })
  }

  /** Writes a state, which counts once it is recorded; a process that dies before leaves the old one in force. */
  async write(state: State, record: (type: string, fields: { state: string }) => Promise<unknown>): Promise<void> {
    const text = canonical(state as unknown as Json)
    const digest = sha256(text)
    mkdirSync(this.#directory(), { recursive: true, mode: 0o700 })
    writeFileAtomic(this.#path(digest), text)
    await record(RECORD, { state: digest })
    for (const name of readdirSync(this.#directory())) {
      if (/^[0-9a-f]{64}\.json$/.test(name) && name !== `${digest}.json`) rmSync(join(this.#directory(), name))
    }
  }

  /** Changes whenever another process has written. */
  mark(): string {
    const stats = statSync(this.#directory(), { throwIfNoEntry: false, bigint: true })
    return stats ? `${stats.ino} ${stats.mtimeNs}` : 'none'
  }

  #path(digest: string): string {
    return join(this.#directory(), `${digest}.json`)
  }
}
