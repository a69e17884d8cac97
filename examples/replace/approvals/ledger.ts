// Decides how every request stands by replaying the audit log in its order; two processes that read it can never disagree.
import type { Actor, ApprovalRequest, AuditLog, JsonObject } from 'cloned/kernel'
import { asksKey } from 'cloned/plugins/approvals'

/** A request as it was opened; the record in the log has a proof of it. */
export type Opened = Pick<ApprovalRequest, 'id' | 'action' | 'asks' | 'createdAt' | 'expiresAt'>

/** A request and what the log says of it. Only the first word counts, and one use. */
export interface Entry extends Opened {
  word?: { readonly seq: number; readonly verdict: 'approve' | 'deny'; by: Actor; at: number; reason?: string }
  expired?: true
  use?: { readonly call: string; readonly instance: string; readonly open: boolean }
}

/** Whether they are one request, whatever the order and the wording of the questions. */
export function isLike(one: Pick<Opened, 'action' | 'asks'>, other: Pick<Opened, 'action' | 'asks'>): boolean {
  return one.action.digest === other.action.digest && asksKey(one.asks) === asksKey(other.asks)
}

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

  /** Every request, oldest first, with all that was appended until now, by whichever process. */
  async now(): Promise<readonly Entry[]> {
    const reading = this.#reading.then(() => this.#readOn())
    this.#reading = reading.catch(() => undefined)
    await reading
    return [...this.entries.values()]
  }

  async #readOn(): Promise<void> {
    for await (const { seq, record } of this.#audit.scan(this.#read + 1)) {
      if (record['type'] === 'approval.requested') await this.#open(record)
      const entry = this.entries.get(String(record['approval']))
      if (entry) this.#apply(entry, seq, record)
      this.#read = seq
    }
  }

  async #open({ approval, proof }: JsonObject): Promise<void> {
    const opened = await this.#opened(String(approval), proof)
    if (!opened) return
    const waits = (one: Entry) => !one.word && !one.expired && one.expiresAt > opened.createdAt
    // Two processes asked the same at one moment: the record that came first is the request.
    if (![...this.entries.values()].some((one) => waits(one) && isLike(one, opened)))
      this.entries.set(opened.id, opened)
  }

  #apply(entry: Entry, seq: number, record: JsonObject): void {
    const [call, instance, at] = [String(record['call']), String(record['instance']), Number(record['at'])]
    const free = entry.word?.verdict === 'approve' && !entry.use
    switch (record['type']) {
      case 'approval.expired':
        entry.expired = true
        break
      case 'approval.decided':
        if (!entry.word && !entry.expired && at < entry.expiresAt)
          entry.word = { ...(record as unknown as NonNullable<Entry['word']>), seq }
        break
      case 'approval.taken':
        if (free && at < entry.expiresAt) entry.use = { call, instance, open: true }
        break
      case 'approval.restored':
        if (free) entry.use = { call, instance, open: true }
        break
      case 'approval.settled': {
        if (entry.use?.call !== call || !entry.use.open) break
        const { instance: owner } = entry.use
        this.settled.set(owner, Math.max(Number(record['intent']), this.settled.get(owner) ?? 0))
        if (record['how'] === 'commit') entry.use = { ...entry.use, open: false }
        else delete entry.use
      }
    }
  }
}
