// An audit log in memory, for tests and benches; it chains like the real one and must never be taken for durable storage.
import { createHmac, randomBytes } from 'node:crypto'
import type { AuditLog, AuditRecord, CallHistory, Receipt, StoredRecord } from '../contracts.js'
import { type JsonObject, sha256 } from '../json.js'

/** The log in memory, with what a test wants to see and to break. */
export interface MemoryAudit extends AuditLog {
  /** Every line so far, with its line feed. */
  lines(): readonly string[]
  /** Every record so far. */
  records(): readonly StoredRecord[]
  /** From now on every append rejects with this cause. */
  fail(cause: Error): void
}

/** Makes an empty log. Its receipts say `durable` so that a gate accepts them; nothing outlives the process. */
export function memoryAudit(): MemoryAudit {
  const lines: string[] = []
  const hashes: string[] = []
  /** Indexes of lines by call, by approval, and by actor. */
  const byCall = new Map<string, number[]>()
  const byApproval = new Map<string, number[]>()
  const byActor = new Map<string, number[]>()
  const note = (index: Map<string, number[]>, id: unknown) => {
    if (typeof id !== 'string') return
    const known = index.get(id)
    if (known) known.push(lines.length)
    else index.set(id, [lines.length])
  }
  const key = randomBytes(32)
  let broken: Error | undefined

  function append(record: AuditRecord): Receipt {
    if (broken) throw broken
    for (const key of ['v', 'seq', 'prev']) {
      if (Object.hasOwn(record, key)) throw new TypeError(`a record must not carry the key "${key}"`)
    }
    const prev = hashes.at(-1) ?? '0'.repeat(64)
    const seq = lines.length + 1
    const line = `{"v":1,"seq":${seq},"prev":"${prev}",${JSON.stringify(record).slice(1)}\n`
    const hash = sha256(line)
    note(byCall, record['call_id'])
    note(byApproval, record['approval'])
    note(byActor, (record['actor'] as { id?: unknown } | undefined)?.id)
    lines.push(line)
    hashes.push(hash)
    return { seq, hash, durable: true }
  }

  // Read back from the line: an object that its maker changed later would not be what was recorded.
  const stored = (index: number): StoredRecord => ({
    seq: index + 1,
    hash: hashes[index] ?? '',
    record: JSON.parse(lines[index] ?? '') as JsonObject,
  })

  return {
    append: async (record) => append(record),
    find: async (id, from = 1) =>
      [...new Set([byCall, byApproval, byActor].flatMap((known) => known.get(id) ?? []))]
        .filter((index) => index + 1 >= from)
        .sort((a, b) => a - b)
        .map(stored),
    token: (field, canonical) => {
      const tag = createHmac('sha256', key).update(`cloned.audit.v1\0${field}\0${canonical}`).digest('hex')
      return `hmac-sha256:memory:${tag}`
    },
    latest: async (type) => {
      const index = lines.findLastIndex((_, i) => stored(i).record['type'] === type)
      return index < 0 ? undefined : stored(index)
    },
    async *scan(from = 1) {
      for (let index = from - 1; index < lines.length; index++) yield stored(index)
    },
    calls: async (instances) =>
      [...byCall].flatMap(([callId, indexes]) => history(callId, indexes.map(stored), instances) ?? []),
    lines: () => lines,
    records: () => lines.map((_, index) => stored(index)),
    fail: (cause) => {
      broken = cause
    },
  }
}

function history(
  callId: string,
  entries: readonly StoredRecord[],
  instances: readonly string[],
): CallHistory | undefined {
  const intent = entries.find(({ record }) => ends(record, '.intent') && instances.includes(String(record['instance'])))
  const outcome = entries.findLast(({ record }) => ends(record, '.outcome'))
  if (!intent) return undefined
  return outcome ? { callId, intent, outcome } : { callId, intent }
}

function ends(record: JsonObject, ending: string): boolean {
  return typeof record['type'] === 'string' && record['type'].endsWith(ending)
}
