// Puts the parts of the audit log together; reading must work on a log that cannot be written any more.
import { randomBytes, randomUUID } from 'node:crypto'
import { type AuditLog, ClonedError, type JsonObject, type StoredRecord } from 'cloned/kernel'
import type { SigningKey } from '../keys/slot.js'
import type { SignedNote } from './batch.js'
import { type Cursor, lastRecords, recordsSince } from './files.js'
import { encodeOwn, encodeRecord } from './format.js'
import { GroupCommit } from './group-commit.js'
import { findById, findCalls, findLatest, scanFrom } from './history.js'
import { LogKeeper, type RotateWhen } from './keeper.js'
import { changeKey, type FindSigningKey, namedSigner } from './key-change.js'
import { KeyRing, type LogKeys, tokenOf } from './log-keys.js'
import { CADENCE, Notary } from './notary.js'
import { verifierKey } from './note.js'
import { assertSafe, auditPaths } from './paths.js'
import { SPACE, Space, type SpaceLimits } from './space.js'
import type { OnTrouble, Transport } from './transport.js'
import { type VerifyOptions, type VerifyResult, verifyLog } from './verify.js'

/**
 * Where the writer runs: `worker` in a thread of its own, `inline` on the calling thread, which then waits for the disk;
 * `auto` in a thread, but for the first batches, so that a short command starts none, and for single records while a write
 * with its sync usually takes no more than 2 ms.
 */
export type WriterThread = 'auto' | 'worker' | 'inline'

export interface AuditLogOptions {
  /** The `.cloned` directory; it must exist. */
  readonly dir: string
  /** Default: `auto`, and `inline` when running from sources, where there is no compiled worker to start. */
  readonly thread?: WriterThread
  /** Milliseconds since 1970, for the records that the log itself adds. */
  readonly now?: () => number
  /** Makes the way to the writer. Replaces `thread`. */
  readonly transport?: () => Promise<Transport>
  /** Signs the log and keys its tokens. Absent: neither, and the log does not say when it is opened and closed. */
  readonly keys?: {
    readonly workspace: string
    load(): Promise<LogKeys>
    /** Older keys, for a change of keys that was cut off. Default: none. */
    readonly signingKey?: FindSigningKey
    readonly trusts?: VerifyOptions['trusts']
  }
  /** Default: 64 MiB, no age. */
  readonly rotate?: Partial<RotateWhen>
  /** Idle time after which the log says that it is still there, milliseconds. Default: never. */
  readonly heartbeatMs?: number
  readonly space?: Partial<SpaceLimits>
  /** Keeps 1 MiB of disk for the record that the disk is full. */
  readonly reserve?: boolean
  /** Hears what went wrong beside the log: it is whole, but a file about it is not up to date. */
  readonly onTrouble?: OnTrouble
  /** Asked before every intent; rejects when nothing may run. Answers nothing when that is known at once. */
  readonly mayIntend?: () => Promise<void> | undefined
  /** Hears of every signed note that has become part of the log. */
  readonly onNote?: (note: SignedNote) => void
}

/** The audit log in files. */
export interface FileAuditLog extends AuditLog {
  /** Loads the keys, so that tokens can be made. Rejects when they are not to be had. */
  ready(): Promise<void>
  /** Follows the whole chain and tree. Changes nothing; works on a damaged log and beside writers. */
  verify(options?: VerifyOptions): Promise<VerifyResult>
  /** The last records, oldest first, and the place after them. Throws `AUDIT_DAMAGED` for a line that is no record. */
  last(count: number): Promise<{ records: readonly StoredRecord[]; next: Cursor }>
  /** Complete records from this place on, at most 10,000, and the place after them. */
  since(cursor: Cursor): Promise<{ records: readonly StoredRecord[]; next: Cursor }>
  /** Signs the log as it is now. `undefined` for a log that was made without keys. */
  checkpoint(): Promise<SignedNote | undefined>
  /** Closes the file that is written and begins the next. `false` when another process was faster. */
  rotate(): Promise<boolean>
  /** Appends a record of the log's own type (`log.…`). */
  appendOwn(type: string, fields: JsonObject): Promise<void>
  /** Has the log name the key that `rotate` makes current, signed by the one before, and signs with it from then on. */
  changeKey(rotate: () => Promise<unknown>): Promise<string>
  /** Waits for records in flight, has the log signed and lets go of the files. May be called twice. */
  close(): Promise<void>
}

const ROTATE: RotateWhen = Object.freeze({ bytes: 64 * 1024 * 1024, ms: Number.POSITIVE_INFINITY })
const MAX_SINCE = 10_000

/**
 * Opens the log under `.cloned`. Creates nothing: the files come with the first append.
 * Throws `AUDIT_UNSAFE` for files that are links, belong to others or are open to others.
 */
export function openAuditLog(options: AuditLogOptions): FileAuditLog {
  const { now = Date.now, onTrouble = () => {}, heartbeatMs = 0, keys } = options
  const paths = auditPaths(options.dir)
  assertSafe(paths)
  const ring = keys && new KeyRing(() => keys.load())
  const space = new Space(paths.dir, { ...SPACE, ...options.space }, (free) =>
    onTrouble(`only ${Math.floor(free / 1024 / 1024)} MiB of disk are left for the audit log`),
  )
  let notary: Notary | undefined
  /** The key of the notary. */
  let signer: SigningKey | undefined
  const keeper =
    ring &&
    new LogKeeper({
      now,
      onTrouble,
      heartbeatMs,
      rotate: { ...ROTATE, ...options.rotate },
      session: randomBytes(4).toString('hex'),
      notary: () => notary,
      ...(options.onNote ? { onNote: options.onNote } : {}),
    })
  const queue = new GroupCommit({ path: paths.log, open, now, ...(keeper ? { keeper } : {}) })
  keeper?.attach(queue)

  async function open(): Promise<Transport> {
    const loaded = await ring?.load()
    if (loaded) await newNotary(loaded)
    if (options.transport) return options.transport()
    const [{ newInlineTransport, newWorkerTransport }, { newHandover }] = await Promise.all([
      import('./transport.js'),
      import('./handover.js'),
    ])
    const start = { paths, reserve: options.reserve === true, ...(loaded ? { genesis: genesisOf(loaded) } : {}) }
    const thread = options.thread ?? (import.meta.url.endsWith('.ts') ? 'inline' : 'auto')
    if (thread === 'worker') return newWorkerTransport(start, onTrouble)
    const inline = newInlineTransport(start, onTrouble)
    if (thread === 'inline') return inline
    const { newQuickTransport } = await import('./quick-transport.js')
    return newHandover(inline, () => newQuickTransport(start, onTrouble))
  }

  async function newNotary({ signer: newest }: LogKeys): Promise<void> {
    notary = undefined
    signer = await namedSigner(paths, newest, async (key) => keys?.signingKey?.(key))
    if (signer) notary = new Notary(signer, paths.vkey, now)
    else onTrouble('the log is not signed by this process: another one is changing its key')
  }

  /** What the log says of itself in its first record, if this is the process that writes it. */
  function genesisOf({ signer }: LogKeys): JsonObject {
    const id = randomUUID()
    const origin = `cloned.local/${keys?.workspace}/${id}`
    const cadence = { ...CADENCE, heartbeat_ms: heartbeatMs }
    return { log_id: id, origin, vkey: verifierKey(origin, signer.publicKey), cadence, node: process.version }
  }

  async function appendOwn(type: string, fields: JsonObject): Promise<void> {
    await queue.push(encodeOwn({ ts: new Date(now()).toISOString(), type, ...fields }))
  }

  function needKeeper(): LogKeeper {
    if (keeper) return keeper
    throw new ClonedError('AUDIT_KEY', { cause: 'it was opened without keys' })
  }

  return {
    ready: async () => void (await ring?.load()),
    append: async (record) => {
      const body = encodeRecord(record)
      if (record.type.endsWith('.intent')) {
        space.check()
        // Nothing is awaited in vain: records are written in the order in which they are handed in.
        const wait = options.mayIntend?.()
        if (wait) await wait
      }
      return queue.push(body)
    },
    token: (field, canonical) => {
      if (!ring) throw new ClonedError('AUDIT_KEY', { cause: 'it was opened without keys' })
      return tokenOf(ring.get().mac, field, canonical)
    },
    find: (id, from = 1) => findById(paths, id, from),
    calls: (instances) => findCalls(paths, instances),
    latest: (type) => findLatest(paths, type),
    scan: (from = 1) => scanFrom(paths, from),
    verify: (how) => verifyLog(paths, { ...(keys?.trusts ? { trusts: keys.trusts } : {}), ...how }),
    last: (count) => lastRecords(paths, count),
    since: (cursor) => recordsSince(paths, cursor, MAX_SINCE),
    checkpoint: () => needKeeper().checkpoint(),
    rotate: () => needKeeper().rotate(),
    appendOwn,
    changeKey: async (rotate) => {
      if (!ring) throw new ClonedError('AUDIT_KEY', { cause: 'it was opened without keys' })
      try {
        await changeKey({
          paths,
          signed: async () => {
            const note = await needKeeper().checkpoint()
            return note && signer && { note, signer }
          },
          rotate: async () => {
            notary = undefined
            await rotate()
            ring.forget()
            return (await ring.load()).signer
          },
          append: appendOwn,
        })
      } finally {
        await newNotary(await ring.load())
      }
      await needKeeper().checkpoint()
      return (await ring.load()).signer.kid
    },
    close: () => queue.close(),
  }
}
