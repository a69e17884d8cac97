// Puts a policy in force in the one order that can be proven: text kept, record durable, note, file; never another.
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import {
  type AuditLog,
  ClonedError,
  type FileLock,
  isClonedError,
  type JsonObject,
  sha256,
  tryFileLock,
  writeFileAtomic,
} from 'cloned/kernel'
import type { AppliedOverlays } from './applied.js'
import type { PackName } from './document.js'
import { readOverlay } from './overlay.js'
import { doubtRecord, lastSealed, type Sealed, sealOf } from './seal.js'
import { APPLIED, type Standing, standingOf } from './standing.js'

/** Of which workspace. */
export interface LedgerParts {
  readonly applied: AppliedOverlays
  readonly audit: Pick<AuditLog, 'append' | 'find' | 'latest' | 'scan' | 'token'>
  /** The pack that the workspace's configuration names. */
  readonly pack: PackName
  /** Absolute path of the overlay file, and how people know it. */
  readonly path: string
  readonly name: string
  /** Absolute path of the file that one writer at a time locks. */
  readonly lock: string
  readonly now: () => number
}

export type Proven = Extract<Standing, { state: 'proven' }>

const LOCK_MS = 10_000
/** A record that is so far from the end of the log is repeated, so that the next start finds it soon. */
const FAR = 10_000

export class Ledger {
  readonly #parts: LedgerParts

  constructor(parts: LedgerParts) {
    this.#parts = parts
  }

  /** Changes with every change of what is in force; costs one read of the store. */
  async version(): Promise<string> {
    const note = await this.#parts.applied.note()
    return note === undefined ? '' : `${note.seq} ${note.pack} ${note.overlay}`
  }

  async read(): Promise<Standing> {
    const { applied, audit, pack } = this.#parts
    // The note first: a record is durable before its note, so the log read afterwards has it.
    const note = await applied.note()
    const record = await audit.latest(APPLIED)
    const problem = record && (await doubtRecord(audit, record))
    const doubt = problem === undefined ? {} : { doubt: { problem, proven: await lastSealed(audit) } }
    const standing = await standingOf({ pack, note, record, ...doubt, text: (digest) => this.#text(digest) })
    if (standing.state === 'proven' && (note === undefined || note.seq < standing.seq)) {
      await applied.setNote({ pack: standing.pack, overlay: standing.overlay, seq: standing.seq, filed: false })
    }
    return standing
  }

  /**
   * What is in force when a process begins. Records the pack of a workspace that is new, writes the file that a writer
   * did not come to write, and repeats a record that is hard to find.
   */
  async begin(): Promise<Standing> {
    const { audit, applied, pack } = this.#parts
    const standing = await this.read()
    if (standing.state === 'unproven') return standing
    if (standing.state === 'fresh') {
      return await this.locked(async () => {
        const again = await this.read()
        return again.state === 'fresh'
          ? await this.#record({ pack, overlay: null, previous: null, call_id: ownId(), from: 1 })
          : again
      })
    }
    const note = await applied.note()
    if (note && !note.filed) await this.locked(() => this.#fileLagging(standing))
    const opened = await audit.latest('log.open')
    if (opened && opened.seq - standing.seq > FAR) {
      await this.locked(async () => {
        const again = await this.read()
        if (again.state === 'proven') await this.#repeat(again, opened.seq)
      })
    }
    return standing
  }

  /** Puts an overlay in force. Hold the lock. `about` goes into the record; `from`: see {@link Sealed}. */
  async apply(text: string, about: JsonObject & Pick<Sealed, 'previous' | 'call_id' | 'from'>): Promise<Proven> {
    const { applied, pack } = this.#parts
    await applied.keep(text)
    const standing = await this.#record({ ...about, pack, overlay: sha256(text) })
    return { ...standing, text }
  }

  /** Writes the overlay file and notes that it is there. Hold the lock. */
  async file({ pack, overlay, seq, text }: Proven): Promise<void> {
    const { path, applied } = this.#parts
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    if (text !== undefined) writeFileAtomic(path, text)
    await applied.setNote({ pack, overlay, seq, filed: true }, 'writing')
  }

  /** Runs while no other process or call changes the policy. Throws `POLICY_BUSY` after 10 s. */
  async locked<T>(work: () => Promise<T>): Promise<T> {
    const lock = await this.#lock()
    try {
      return await work()
    } finally {
      lock.release()
    }
  }

  async #lock(): Promise<FileLock> {
    const until = performance.now() + LOCK_MS
    for (;;) {
      const lock = tryFileLock(this.#parts.lock)
      if (lock) return lock
      if (performance.now() > until) throw new ClonedError('POLICY_BUSY', { seconds: LOCK_MS / 1000 })
      await pause(5)
    }
  }

  async #record(fields: JsonObject & Sealed & { pack: PackName }): Promise<Proven> {
    const { audit, applied, now } = this.#parts
    const { pack, overlay } = fields
    const { seq } = await audit.append({
      type: APPLIED,
      ts: new Date(now()).toISOString(),
      ...fields,
      seal: sealOf(audit, fields),
    })
    await applied.setNote({ pack, overlay, seq, filed: overlay === null }, 'writing')
    return { state: 'proven', pack, overlay, seq }
  }

  async #repeat({ pack, overlay }: Proven, from: number): Promise<void> {
    const note = await this.#parts.applied.note()
    const { seq } = await this.#record({
      pack,
      overlay,
      previous: overlay,
      call_id: ownId(),
      from,
      repeated: true,
    })
    await this.#parts.applied.setNote({ pack, overlay, seq, filed: note?.filed ?? true }, 'writing')
  }

  /** Only over what was approved before: another text is somebody's edit. */
  async #fileLagging(standing: Proven): Promise<void> {
    const { audit, name, path } = this.#parts
    const previous = (await audit.latest(APPLIED))?.record['previous']
    const present = readOverlay(path, name)?.digest ?? null
    if (present === previous || present === standing.overlay) await this.file(standing)
  }

  async #text(digest: string): Promise<string | undefined> {
    const kept = await this.#parts.applied.text(digest)
    if (kept !== undefined) return kept
    try {
      const file = readOverlay(this.#parts.path, this.#parts.name)
      return file?.digest === digest ? file.text : undefined
    } catch (error) {
      // A file that cannot be read denies every call by itself; here it only is not the text that is looked for.
      if (isClonedError(error)) return undefined
      throw error
    }
  }
}

/** For a record that is part of no write. */
function ownId(): string {
  return randomBytes(16).toString('hex')
}
