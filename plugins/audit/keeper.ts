// Has the log say when it was opened, signed, idle and closed, and closes full files; must never delay a record for it.
import { describeThrown } from 'cloned/kernel'
import type { SignedNote, TreeState, Written } from './batch.js'
import { encodeOwn } from './format.js'
import type { GroupCommit, Keeper } from './group-commit.js'
import { CADENCE, type Notary } from './notary.js'
import type { OnTrouble, Transport } from './transport.js'

/** When the file that is written is closed and the next one begun. */
export interface RotateWhen {
  /** Bytes of the file. */
  readonly bytes: number
  /** Age of its first record, milliseconds. */
  readonly ms: number
}

export interface LogKeeperOptions {
  readonly now: () => number
  readonly onTrouble: OnTrouble
  /** Absent: nothing is signed. */
  readonly notary?: () => Notary | undefined
  readonly rotate: RotateWhen
  /** Idle time after which the log says that it is still there, milliseconds; 0 for never. */
  readonly heartbeatMs: number
  /** Random, to tell what one process wrote. */
  readonly session: string
  /** Hears of every note that has become part of the log. */
  readonly onNote?: (note: SignedNote) => void
}

type Write = GroupCommit['write']

/** How long a note that is due waits for a batch to travel with, milliseconds. */
const IDLE_MS = 200
/** How long a process may take to sign what it leaves, milliseconds. */
const CLOSING_MS = 2_000
/** A demanded note is tried again when another process wrote in between. */
const ATTEMPTS = 1_000

export class LogKeeper implements Keeper {
  readonly #options: LogKeeperOptions
  #commit: GroupCommit | undefined
  /** Asked for after the batch that made it due; answered before the next one. */
  #tree: Promise<TreeState | undefined> | undefined
  /** The note of the batch under way. */
  #note: SignedNote | undefined
  #idle: NodeJS.Timeout | undefined
  #rotating = false
  #closing = false

  constructor(options: LogKeeperOptions) {
    this.#options = options
  }

  /** Must be called once, before the first record. */
  attach(commit: GroupCommit): void {
    this.#commit = commit
  }

  opening(): readonly string[] {
    return [this.#own('log.open', { session: this.#options.session, pid: process.pid, node: process.version })]
  }

  async note(): Promise<SignedNote | undefined> {
    const tree = await this.#tree
    this.#tree = undefined
    this.#note = tree && this.#sign(tree, false)
    return this.#note
  }

  wrote(written: Written, transport: Transport): void {
    const note = this.#note
    this.#note = undefined
    clearTimeout(this.#idle)
    if (written.checkpointed && note) this.#options.onNote?.(note)
    if (this.#closing) return
    const due = this.#notary()?.due(written, note)
    // A transport that fails says so to the next batch.
    if (due === 'now') this.#tree = transport.tree().catch(() => undefined)
    if (this.#mustRotate(written)) this.#rotateSoon()
    const wait = due === 'now' ? IDLE_MS : due === 'later' ? CADENCE.ms : this.#options.heartbeatMs
    if (wait > 0) this.#idle = setTimeout(() => this.#idled(due !== undefined), wait).unref()
  }

  async closing(write: Write, transport: Transport): Promise<void> {
    this.#closing = true
    clearTimeout(this.#idle)
    await this.#tree
    try {
      await write([], [this.#own('log.close', { session: this.#options.session, reason: 'closed' })])
      await this.#demand(write, transport, this.#options.now() + CLOSING_MS)
    } catch (error) {
      this.#options.onTrouble(`the log was not signed at its close: ${describeThrown(error)}`)
    }
  }

  /** Signs the log as it is now. Rejects when it cannot be signed. */
  checkpoint(): Promise<SignedNote | undefined> {
    return this.#between((write, transport) => this.#demand(write, transport))
  }

  /** Closes the file that is written and begins the next; both ends are signed. Answers whether it did. */
  rotate(): Promise<boolean> {
    return this.#between(async (write, transport) => {
      await this.#demand(write, transport)
      const { first } = await write([])
      const rotated = await transport.rotate(first, new Date(this.#options.now()).toISOString())
      await write([])
      await this.#demand(write, transport)
      return rotated
    })
  }

  #between<T>(work: (write: Write, transport: Transport) => Promise<T>): Promise<T> {
    if (!this.#commit) throw new Error('the keeper is not attached')
    return this.#commit.between(work)
  }

  async #demand(write: Write, transport: Transport, until = Number.POSITIVE_INFINITY): Promise<SignedNote | undefined> {
    if (!this.#notary()) return undefined
    // Whoever has written nothing yet does not know where the log ends.
    await write([])
    for (let attempt = 0; attempt < ATTEMPTS && this.#options.now() < until; attempt++) {
      const tree = await transport.tree()
      if (!tree) continue
      if (tree.origin === undefined) return undefined
      const note = this.#sign(tree, true)
      this.#note = note
      if (note && (await write([], [], note)).checkpointed) return note
    }
    return undefined
  }

  #sign(tree: TreeState, publish: boolean): SignedNote | undefined {
    if (tree.origin === undefined) return undefined
    try {
      return this.#notary()?.sign(tree, publish)
    } catch (error) {
      this.#options.onTrouble(`the log could not be signed: ${describeThrown(error)}`)
      return undefined
    }
  }

  #notary(): Notary | undefined {
    return this.#options.notary?.()
  }

  #idled(due: boolean): void {
    const own = due ? [] : [this.#own('log.heartbeat', { session: this.#options.session })]
    const signed = async (write: Write, transport: Transport) => {
      if (due) this.#tree ??= transport.tree()
      return write([], own, await this.note())
    }
    this.#between(signed).catch((error: unknown) => this.#options.onTrouble(describeThrown(error)))
  }

  #mustRotate({ bytes, began }: Written): boolean {
    const { rotate, now } = this.#options
    return !this.#rotating && (bytes >= rotate.bytes || now() - Date.parse(began) >= rotate.ms)
  }

  #rotateSoon(): void {
    this.#rotating = true
    this.rotate()
      .catch((error: unknown) => this.#options.onTrouble(describeThrown(error)))
      .finally(() => {
        this.#rotating = false
      })
  }

  #own(type: string, fields: Readonly<Record<string, string | number>>): string {
    return encodeOwn({ ts: new Date(this.#options.now()).toISOString(), type, ...fields })
  }
}
