// Puts the parts of the audit log together; reading must work on a log that cannot be written any more.
import type { AuditLog, StoredRecord } from 'cloned/kernel'
import { encodeRecord } from './format.js'
import { GroupCommit } from './group-commit.js'
import { findCall, findCalls } from './history.js'
import { assertSafe, auditPaths } from './paths.js'
import { fileLines, lastLinesFrom, storedRecord } from './read.js'
import type { Transport } from './transport.js'
import { type VerifyResult, verifyLog } from './verify.js'

/** Where the writer runs: `worker` in a thread of its own, `inline` on the calling thread, which then waits for the disk. */
export type WriterThread = 'worker' | 'inline'

export interface AuditLogOptions {
  /** The `.cloned` directory; it must exist. */
  readonly dir: string
  /** Default: `worker`, and `inline` when running from sources, where there is no compiled worker to start. */
  readonly thread?: WriterThread
  /** Milliseconds since 1970, for the records that the log itself adds. */
  readonly now?: () => number
  /** Makes the way to the writer, once, at the first append. Replaces `thread`. */
  readonly transport?: () => Promise<Transport>
}

/** The audit log in a file. */
export interface FileAuditLog extends AuditLog {
  /** Follows the whole chain. Changes nothing; works on a damaged log and beside writers. */
  verify(): Promise<VerifyResult>
  /** The last records, oldest first, and the byte after them. Throws `AUDIT_DAMAGED` for a line that is no record. */
  last(count: number): Promise<{ records: readonly StoredRecord[]; next: number }>
  /** Complete records that begin at this byte or later, and the byte after them. */
  since(offset: number): Promise<{ records: readonly StoredRecord[]; next: number }>
  /** Waits for records in flight and lets go of the files. May be called twice. */
  close(): Promise<void>
}

/**
 * Opens the log under `.cloned`. Creates nothing: the files come with the first append.
 * Throws `AUDIT_UNSAFE` for files that are links, belong to others or are open to others.
 */
export function openAuditLog(options: AuditLogOptions): FileAuditLog {
  const paths = auditPaths(options.dir)
  assertSafe(paths)
  const open = options.transport ?? (async () => newTransport(options.thread))
  const queue = new GroupCommit({ path: paths.log, open, now: options.now ?? Date.now })

  async function newTransport(thread = defaultThread()): Promise<Transport> {
    const { newInlineTransport, newWorkerTransport } = await import('./transport.js')
    return thread === 'inline' ? newInlineTransport(paths) : newWorkerTransport(paths)
  }

  async function since(offset: number) {
    const records: StoredRecord[] = []
    let next = offset
    for await (const lines of fileLines(paths.log, offset)) {
      for (const line of lines) {
        records.push(storedRecord(paths.log, line))
        next = line.offset + line.bytes.length
      }
    }
    return { records, next }
  }

  return {
    append: async (record) => queue.push(encodeRecord(record)),
    find: (callId) => findCall(paths.log, callId),
    calls: (instances) => findCalls(paths.log, instances),
    verify: () => verifyLog(paths),
    last: async (count) => since(await lastLinesFrom(paths.log, count)),
    since,
    close: () => queue.close(),
  }
}

function defaultThread(): WriterThread {
  return import.meta.url.endsWith('.ts') ? 'inline' : 'worker'
}
