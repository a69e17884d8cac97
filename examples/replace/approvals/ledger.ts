// Decides how every request stands by replaying the audit log in its order; two processes that read it can never disagree.
import type { Actor, AskShown, AuditLog, JsonObject, StoredAction } from 'cloned/kernel'

/** A request as it was opened; `proof` binds it to its record in the log. */
export interface Opened {
  readonly id: string
  readonly action: StoredAction
  readonly asks: readonly AskShown[]
  readonly createdAt: number
  readonly expiresAt: number
}

/** The first word on a request; later ones do not count. */
export interface Word {
  readonly seq: number
  readonly verdict: 'approve' | 'deny'
  readonly by: Actor
  readonly at: number
  readonly reason?: string
}

/** A request and what the log says of it. */
export interface Entry extends Opened {
  word?: Word
  expired?: true
  use?: { readonly call: string; readonly instance: string; readonly open: boolean }
}

/** Whether every ask is among those that were shown: same plugin, same key, whatever the wording. */
export function covers(shown: readonly AskShown[], asks: readonly AskShown[]): boolean {
  return asks.every(({ plugin, key }) => shown.some((one) => one.plugin === plugin && one.key === key))
}

export function isLike(one: Opened, digest: string, asks: readonly AskShown[]): boolean {
  return one.action.digest === digest && covers(one.asks, asks) && covers(asks, one.asks)
}

/** The state of all requests, as far as the log has been read. */
export class Ledger {
  readonly entries = new Map<string, Entry>()
  /** Highest settled intent by kernel instance. */
  readonly settled = new Map<string, number>()
  readonly #audit: Pick<AuditLog, 'scan'>
  readonly #opened: (id: string, proof: unknown) => Promise<Opened | undefined>
  #read = 0
  #reading: Promise<void> = Promise.resolve()

  /** `opened` finds a request by its record; `undefined` for one that is not what was recorded. */
  constructor(audit: Pick<AuditLog, 'scan'>, opened: (id: string, proof: unknown) => Promise<Opened | undefined>) {
    this.#audit = audit
    this.#opened = opened
  }

  /** Reads what was appended since, by whichever process. */
  async catchUp(): Promise<void> {
    const reading = this.#reading.then(() => this.#readOn())
    this.#reading = reading.catch(() => undefined)
    await reading
  }

  /** The call that holds a use which is not settled. */
  heldBy(call: string): Entry | undefined {
    return [...this.entries.values()].find(({ use }) => use?.call === call && use.open)
  }

  async #readOn(): Promise<void> {
    for await (const { seq, record } of this.#audit.scan(this.#read + 1)) {
      if (record['type'] === 'approval.requested') await this.#open(record)
      else this.#apply(seq, record)
      this.#read = seq
    }
  }

  async #open({ approval, proof }: JsonObject): Promise<void> {
    const opened = await this.#opened(String(approval), proof)
    if (!opened) return
    const waits = (one: Entry) => !one.word && !one.expired && one.expiresAt > opened.createdAt
    const same = [...this.entries.values()].some((one) => waits(one) && isLike(one, opened.action.digest, opened.asks))
    // Two processes asked the same at one moment: the record that came first is the request.
    if (!same) this.entries.set(opened.id, { ...opened })
  }

  #apply(seq: number, record: JsonObject): void {
    const entry = this.entries.get(String(record['approval']))
    if (!entry) return
    const [call, instance, at] = [String(record['call']), String(record['instance']), Number(record['at'])]
    const isApproved = entry.word?.verdict === 'approve'
    if (record['type'] === 'approval.expired') entry.expired = true
    if (record['type'] === 'approval.decided' && !entry.word && !entry.expired && at < entry.expiresAt) {
      const { verdict, by, reason } = record as unknown as Pick<Word, 'verdict' | 'by'> & { reason?: string }
      entry.word = { seq, verdict, by, at, ...(reason === undefined ? {} : { reason }) }
    }
    if (record['type'] === 'approval.taken' && isApproved && !entry.use && at < entry.expiresAt)
      entry.use = { call, instance, open: true }
    if (record['type'] === 'approval.restored' && isApproved && !entry.use) entry.use = { call, instance, open: true }
    if (record['type'] !== 'approval.settled' || entry.use?.call !== call || !entry.use.open) return
    const intent = Number(record['intent'])
    if (intent > (this.settled.get(entry.use.instance) ?? 0)) this.settled.set(entry.use.instance, intent)
    if (record['how'] === 'commit') entry.use = { ...entry.use, open: false }
    else delete entry.use
  }
}
