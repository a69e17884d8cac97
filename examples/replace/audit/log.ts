// Appends records to one file and answers for their durability; after any failure it must never accept another record.
import { createHmac, randomBytes } from 'node:crypto'
import { constants, existsSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import {
  type AuditLog,
  type AuditRecord,
  type CallHistory,
  describeThrown,
  type FileLock,
  type Receipt,
  type StoredRecord,
  syncDirectory,
  tryFileLock,
} from 'cloned/kernel'
import { complete, decode, encode, type Position, START } from './chain.js'

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_RDWR } = constants
const KEY_BYTES = 32

/** A log in one file, used by one process at a time. */
export class JsonlLog implements AuditLog {
  readonly #file: FileHandle
  readonly #lock: FileLock
  readonly #key: Buffer
  #end: Position
  #size: number
  /** Lines that wait for the write in hand; they share the next one and its sync. */
  #waiting: string[] = []
  #written: Promise<void> = Promise.resolve()
  #broken: Error | undefined

  private constructor(file: FileHandle, lock: FileLock, key: Buffer, end: Position, size: number) {
    this.#file = file
    this.#key = key
    this.#lock = lock
    this.#end = end
    this.#size = size
  }

  /** Opens or makes the file (mode 0600) and follows its whole chain. Rejects when another process has it or it was changed. */
  static async open(path: string): Promise<JsonlLog> {
    const lock = tryFileLock(`${path}.lock`)
    if (!lock) throw new Error(`${path} is in use by another process`)
    try {
      const isNew = !existsSync(path)
      const file = await open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600)
      try {
        if (isNew) syncDirectory(dirname(path))
        const bytes = complete(await file.readFile())
        const end = decode(bytes).at(-1) ?? START
        // The writer of half a line died in the middle of it.
        await file.truncate(bytes.length)
        await file.sync()
        return new JsonlLog(file, lock, await keyOf(`${path}.key`), end, bytes.length)
      } catch (error) {
        await file.close()
        throw new Error(`${path}: ${describeThrown(error)}`, { cause: error })
      }
    } catch (error) {
      lock.release()
      throw error
    }
  }

  async append(record: AuditRecord): Promise<Receipt> {
    if (this.#broken) throw this.#broken
    // Encoded before the first await: the record as it is handed in, in the order of the calls.
    const { line, at } = encode(record, this.#end)
    this.#end = at
    if (this.#waiting.push(line) === 1) this.#written = this.#written.then(() => this.#write())
    await this.#written
    return { ...at, durable: true }
  }

  /** Keyed, so that nobody who only has the log can try values; the key lies beside the log, for its owner alone. */
  token(field: string, canonical: string): string {
    const hex = createHmac('sha256', this.#key).update(`cloned.audit.v1\0${field}\0${canonical}`).digest('hex')
    return `hmac-sha256:1:${hex}`
  }

  async latest(type: string): Promise<StoredRecord | undefined> {
    return (await this.#records()).findLast(({ record }) => record['type'] === type)
  }

  async *scan(from = 1): AsyncGenerator<StoredRecord, void> {
    for (const stored of await this.#records()) if (stored.seq >= from) yield stored
  }

  async find(id: string, from = 1): Promise<readonly StoredRecord[]> {
    return (await this.#records()).filter(
      ({ seq, record: { call_id: call, approval, actor } }) =>
        seq >= from && (call === id || approval === id || (actor as { id?: string } | undefined)?.id === id),
    )
  }

  async calls(instances: readonly string[]): Promise<readonly CallHistory[]> {
    const calls = new Map<unknown, CallHistory>()
    for (const stored of await this.#records()) {
      const { type, call_id: callId, instance } = stored.record
      const known = calls.get(callId)
      if (known && String(type).endsWith('.outcome')) calls.set(callId, { ...known, outcome: stored })
      if (known || typeof callId !== 'string' || !String(type).endsWith('.intent')) continue
      if (instances.includes(String(instance))) calls.set(callId, { callId, intent: stored })
    }
    return [...calls.values()]
  }

  /** Waits for what is being written and lets go of the file. */
  async close(): Promise<void> {
    this.#broken ??= new Error('the log is closed')
    await Promise.allSettled([this.#written])
    await this.#file.close()
    this.#lock.release()
  }

  async #write(): Promise<void> {
    const text = this.#waiting.splice(0).join('')
    try {
      await this.#file.appendFile(text)
      await this.#file.datasync()
      this.#size += Buffer.byteLength(text)
      // A file that was rotated away or written by somebody else takes bytes as well, and proves nothing afterwards.
      const { size, nlink } = await this.#file.stat()
      if (size !== this.#size || nlink !== 1) throw new Error('the file was changed or removed by somebody else')
    } catch (error) {
      this.#broken = new Error(`the log accepts nothing more: ${describeThrown(error)}`, { cause: error })
      throw this.#broken
    }
  }

  async #records(): Promise<readonly StoredRecord[]> {
    const bytes = Buffer.alloc(this.#size)
    const { bytesRead } = await this.#file.read(bytes, 0, bytes.length, 0)
    return decode(complete(bytes.subarray(0, bytesRead)))
  }
}

/** The key of the tokens: made once, mode 0600, under the lock of the log. */
async function keyOf(path: string): Promise<Buffer> {
  const file = await open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600)
  try {
    const known = await file.readFile()
    if (known.length === KEY_BYTES) return known
    if (known.length > 0) throw new Error(`${path} is not a key`)
    const key = randomBytes(KEY_BYTES)
    await file.writeFile(key)
    await file.sync()
    return key
  } finally {
    await file.close()
  }
}
