// Knows from the audit log how often grants were used and whether they were revoked; reads every record once.
import type { StoredRecord } from 'cloned/kernel'
import { type Log, usesIn } from './evidence.js'

/** Records of this many grants are remembered; more are read again. */
const MAX_KNOWN = 1000

/** What the log says of a grant. */
export interface GrantRecord {
  readonly revoked: boolean
  /** Calls that used it, or may have. */
  readonly uses: readonly string[]
}

export class GrantHistory {
  readonly #log: Pick<Log, 'find'>
  readonly #known = new Map<string, readonly StoredRecord[]>()

  constructor(log: Pick<Log, 'find'>) {
    this.#log = log
  }

  /** What the log says now; `from`: where the grant begins. */
  async of(id: string, from: number): Promise<GrantRecord> {
    const known = this.#known.get(id) ?? []
    const records = [...known, ...(await this.#log.find(id, (known.at(-1)?.seq ?? from - 1) + 1))]
    if (this.#known.size >= MAX_KNOWN) this.#known.clear()
    this.#known.set(id, records.map(only))
    return {
      revoked: records.some(({ record }) => record['type'] === 'approval.grant_revoked'),
      uses: usesIn(records, id),
    }
  }
}

/** A record without what is not asked of it, which may be large. */
function only({ seq, hash, record }: StoredRecord): StoredRecord {
  const kept = ['type', 'approval', 'call_id', 'intent', 'effect', 'status'].flatMap((key) => {
    const value = record[key]
    return value === undefined ? [] : [[key, value] as const]
  })
  return { seq, hash, record: Object.fromEntries(kept) }
}
