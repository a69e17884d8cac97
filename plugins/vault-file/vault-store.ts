// Keeps the vault file whole: one writer at a time, each write counted and recorded; must never begin anew by itself.
import { randomBytes } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import {
  ClonedError,
  canonical,
  privateDirectory,
  readPrivateFile,
  type StoredRecord,
  tryFileLock,
  writeFileAtomic,
} from 'cloned/kernel'
import type { RecordWrite } from '../vault/slot.js'
import { macMatches, macOf } from './crypto.js'
import { formatVault, MAX_BYTES, parseVault, type VaultBody, type VaultFile } from './document.js'
import { rollbackOf } from './rollback.js'
import { openSlots, slotTypes } from './slots/index.js'
import type { SlotTools } from './slots/slot-type.js'

export interface StoreOptions {
  /** `.cloned/vault` */
  readonly directory: string
  /** Id of the workspace. */
  readonly workspace: string
  readonly tools: Omit<SlotTools, 'vaultId'>
  /** The newest record of a write in the audit log. */
  readonly lastWrite: () => Promise<StoredRecord | undefined>
}

/** The vault as read, checked and opened. */
export interface OpenVault {
  readonly file: VaultFile
  readonly dek: Buffer
  /** The key slot that opened it. */
  readonly by: string
  readonly stamp: string
}

/** What a change makes of the body, and what is said of it. */
export interface Change {
  readonly body: VaultBody
  readonly name: string
  readonly version?: number
}

const LOCK_MS = 10_000

export class VaultStore {
  readonly path: string
  readonly #options: StoreOptions
  #open: OpenVault | undefined
  /** There was neither a file nor a record of one. */
  #absent = false

  constructor(options: StoreOptions) {
    this.#options = options
    this.path = join(options.directory, 'vault.json')
  }

  toolsFor(vaultId: string): SlotTools {
    return { ...this.#options.tools, vaultId }
  }

  /** Changes with every write; empty when there is no file. */
  stamp(): string {
    const stats = statSync(this.path, { throwIfNoEntry: false })
    return stats ? `${stats.ino}:${stats.size}:${stats.mtimeMs}:${stats.ctimeMs}` : ''
  }

  /** The vault, or `undefined` when none was ever written. Throws `VAULT_DAMAGED`, `VAULT_LOCKED`, `VAULT_ROLLED_BACK`. */
  async read(): Promise<OpenVault | undefined> {
    // Asking the log again at every use of a vault that nobody has made could cost a search through all of it.
    return this.#absent && this.stamp() === '' ? undefined : await this.#read()
  }

  async #read(): Promise<OpenVault | undefined> {
    for (;;) {
      const stamp = this.stamp()
      if (this.#open && this.#open.stamp === stamp) return this.#open
      const open = await this.#load(stamp)
      const problem = rollbackOf(open?.file, await this.#options.lastWrite())
      if (problem === undefined) return this.#keep(open)
      // Written by another process between the two looks: look again.
      if (this.stamp() === stamp) throw new ClonedError('VAULT_ROLLED_BACK', { path: this.path, problem })
    }
  }

  /** Changes the vault, which is made when there is none. Resolves when the change is recorded. */
  async write(change: (body: VaultBody, dek: Buffer) => Promise<Change> | Change, record: RecordWrite): Promise<void> {
    await this.#locked(async () => {
      const open = (await this.#read()) ?? (await this.#create())
      const { body, name, version } = await change(open.file, open.dek)
      const written = this.#put(open, body, open.file.generation + 1)
      await record({ name, ...(version === undefined ? {} : { version: String(version) }), ...written })
    })
  }

  /** Takes the file as it stands, or its absence, for the newest state. */
  async accept(record: RecordWrite): Promise<void> {
    await this.#locked(async () => {
      const open = (await this.#load(this.stamp())) ?? (await this.#create())
      const known = Number((await this.#options.lastWrite())?.record['generation'] ?? 0)
      await record({ name: '', ...this.#put(open, open.file, Math.max(open.file.generation, known) + 1) })
    })
  }

  /** Wipes the data key. */
  close(): void {
    this.#open?.dek.fill(0)
    this.#open = undefined
  }

  async #load(stamp: string): Promise<OpenVault | undefined> {
    const { directory, workspace } = this.#options
    if (existsSync(directory)) privateDirectory(directory)
    const bytes = readPrivateFile(this.path, { maxBytes: MAX_BYTES })
    if (!bytes) return undefined
    const file = parseVault(this.path, bytes, workspace)
    const { dek, by } = await this.#unlock(file)
    if (!macMatches(dek, file)) {
      throw new ClonedError('VAULT_DAMAGED', { path: this.path, problem: 'its content is not what was written' })
    }
    return { file, dek, by, stamp }
  }

  async #unlock(file: VaultFile): Promise<Pick<OpenVault, 'dek' | 'by'>> {
    const known = this.#open
    // The same slots lead to the same key: no passphrase has to be worked through again.
    if (known && known.file.vault_id === file.vault_id && canonical(known.file.slots) === canonical(file.slots)) {
      return known
    }
    const opened = await openSlots(file.slots, this.toolsFor(file.vault_id))
    if ('dek' in opened) return opened
    throw new ClonedError('VAULT_LOCKED', { path: this.path, problems: opened.problems.join('; ') })
  }

  async #create(): Promise<OpenVault> {
    const vaultId = randomBytes(8).toString('hex')
    const dek = randomBytes(32)
    const id = randomBytes(8).toString('hex')
    const type = slotTypes.get('keyfile')
    if (!type) throw new TypeError('there is no keyfile slot')
    const wrapped = await type.wrap(dek, { id }, this.toolsFor(vaultId))
    const body: VaultBody = {
      schema: 'cloned.vault/v1',
      vault_id: vaultId,
      workspace: this.#options.workspace,
      generation: 0,
      slots: [{ id, type: type.type, ...wrapped }],
      secrets: {},
    }
    return { file: { ...body, mac: macOf(dek, body) }, dek, by: id, stamp: '' }
  }

  #put(open: OpenVault, body: VaultBody, generation: number) {
    const next: VaultBody = { ...body, generation }
    const file: VaultFile = { ...next, mac: macOf(open.dek, next) }
    const text = formatVault(file)
    if (Buffer.byteLength(text) > MAX_BYTES) {
      throw new ClonedError('VAULT_DAMAGED', { path: this.path, problem: `it would be larger than ${MAX_BYTES} bytes` })
    }
    const before = readPrivateFile(this.path, { maxBytes: MAX_BYTES })
    if (before) writeFileAtomic(`${this.path}.prev`, before)
    writeFileAtomic(this.path, text)
    this.#keep({ ...open, file, stamp: this.stamp() })
    return { vault: file.vault_id, generation, mac: file.mac }
  }

  #keep(open: OpenVault | undefined): OpenVault | undefined {
    if (this.#open && this.#open.dek !== open?.dek) this.#open.dek.fill(0)
    this.#open = open
    this.#absent = open === undefined
    return open
  }

  async #locked<T>(work: () => Promise<T>): Promise<T> {
    const { directory } = this.#options
    privateDirectory(directory)
    const until = performance.now() + LOCK_MS
    for (;;) {
      const lock = tryFileLock(join(directory, 'lock'))
      if (lock) {
        try {
          return await work()
        } finally {
          lock.release()
        }
      }
      if (performance.now() > until) throw new ClonedError('KEY_BUSY', { path: directory, ms: LOCK_MS })
      await pause(2 + Math.random() * 8)
    }
  }
}
