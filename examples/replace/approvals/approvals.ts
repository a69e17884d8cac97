// Opens, decides and uses approvals; what is not in the audit log never happened, and nothing is used twice.
import { randomBytes } from 'node:crypto'
import {
  type ApprovalRequest,
  type Approvals,
  type AuditLog,
  ClonedError,
  canonical,
  type Gate,
  type Json,
  type JsonObject,
  type TakeAnswer,
} from 'cloned/kernel'
import type { Policy } from 'cloned/plugins/policy'
import type { Store } from 'cloned/plugins/store'
import { entitled } from './entitled.js'
import { covers, type Entry, isLike, Ledger, type Opened } from './ledger.js'

export interface Parts {
  readonly audit: AuditLog
  readonly store: Store
  readonly policy: Policy
  readonly gate: Pick<Gate, 'actor' | 'resume' | 'onApproval'>
  readonly now: () => number
  readonly decided: (request: ApprovalRequest) => void
}

/** What the requests are about is in the store, for the log keeps no inputs. */
export const STEPS = [['create table acme_approvals (id text primary key, body text not null)']]

export function createApprovals({ audit, store, policy, gate, now, decided }: Parts): Approvals {
  const proofOf = (body: string) => audit.token('acme.approval', canonical(body))
  const ledger = new Ledger(audit, async (id, proof) => {
    const [row] = await store.all('select body from acme_approvals where id = $1', id)
    const body = String(row?.['body'])
    return row && proofOf(body) === proof ? (JSON.parse(body) as Opened) : undefined
  })
  const append = async (type: string, approval: string, fields: JsonObject) => {
    const at = now()
    const record = { type: `approval.${type}`, ts: new Date(at).toISOString(), approval, at, ...fields }
    const { seq } = await audit.append(record)
    await ledger.catchUp()
    return seq
  }

  /** As it stands now. What was seen as expired stays so, also when the clock is set back. */
  function show(entry: Entry): ApprovalRequest {
    const { word, use, expired: _, ...opened } = entry
    const isOver = word?.verdict !== 'deny' && !use && opened.expiresAt <= now()
    if (isOver) entry.expired = true
    const decision = word?.verdict === 'deny' ? 'denied' : entry.expired ? 'expired' : word ? 'approved' : 'pending'
    return {
      ...opened,
      state: use ? 'used' : decision,
      ...(word ? { decidedBy: word.by, decidedAt: word.at } : {}),
      ...(word?.reason === undefined ? {} : { reason: word.reason }),
      ...(use ? { usedBy: use.call } : {}),
    }
  }
  const all = async () => {
    await ledger.catchUp()
    return [...ledger.entries.values()].map(show).reverse()
  }
  const found = async (id: string): Promise<Entry> => {
    await ledger.catchUp()
    const entry = ledger.entries.get(id)
    if (entry) return entry
    throw new ClonedError('APPROVAL_UNKNOWN', { approval: id })
  }
  const unusable = (approval: string, reason: string) => new ClonedError('APPROVAL_UNUSABLE', { approval, reason })
  const refusal = ({ code, message, help }: ClonedError): TakeAnswer => ({ ok: false, reason: message, code, help })

  return {
    async match(digest, asks) {
      const usable = (one: ApprovalRequest) => one.state === 'approved' && one.action.digest === digest
      return (await all()).find((one) => usable(one) && covers(one.asks, asks))
    },
    async open(action, asks) {
      const waits = async () => (await all()).filter(({ state }) => state === 'pending')
      const waiting = await waits()
      const known = waiting.find((one) => isLike(one, action.digest, asks))
      if (known) return { request: known, created: false }
      const { expiresMs, maxPendingPerActor: most } = policy.snapshot().approvals
      if (waiting.filter((one) => one.action.actor.id === action.actor.id).length >= most)
        throw new ClonedError('APPROVALS_FULL', { whose: action.actor.id, count: most })
      const [id, at] = [`ap_${randomBytes(8).toString('hex')}`, now()]
      const opened: Opened = { id, action, asks, createdAt: at, expiresAt: at + expiresMs }
      const body = canonical(opened as unknown as Json)
      await store.write([{ sql: 'insert into acme_approvals (id, body) values ($1, $2)', args: [id, body] }])
      await append('requested', id, { kind: action.kind, target: action.target, proof: proofOf(body) })
      const request = (await waits()).find((one) => isLike(one, action.digest, asks))
      if (!request) throw unusable(id, 'it expired while it was opened')
      return { request, created: request.id === id }
    },
    async get(id) {
      return (await all()).find((one) => one.id === id)
    },
    list: async ({ state } = {}) => (await all()).filter((one) => state === undefined || one.state === state),
    async decide(id, decision) {
      const { verdict, reason, proven, by } = decision
      const entry = await found(id)
      const { state } = show(entry)
      if (state === 'expired') await append('expired', id, {})
      if (state !== 'pending') throw unusable(id, `it is ${state}`)
      const osUser = proven ? by.osUser : gate.actor().osUser
      const actor = entitled(policy.snapshot().approvals, entry, decision, osUser)
      const said = { verdict, by: { ...actor }, ...(reason === undefined ? {} : { reason }) }
      const seq = await append('decided', id, said)
      const request = show(entry)
      if (entry.word?.seq !== seq) throw unusable(id, `it is ${request.state}`)
      decided(request)
      const runs = verdict === 'approve' && gate.onApproval(entry.action.kind) === 'execute'
      return { request, ...(runs ? { outcome: await gate.resume(id) } : {}) }
    },
    async take({ callId: call, instance }, id, { digest, asks }) {
      await ledger.catchUp()
      const entry = ledger.entries.get(id)
      if (!entry) return refusal(new ClonedError('APPROVAL_UNKNOWN', { approval: id }))
      const isOwn = () => entry.use?.call === call && entry.use.open
      if (entry.action.digest !== digest || !covers(entry.asks, asks))
        return refusal(unusable(id, 'it was given for another action, or for other questions'))
      if (!isOwn() && show(entry).state === 'approved') await append('taken', id, { call, instance })
      return isOwn() ? { ok: true, token: id } : refusal(unusable(id, `it is ${show(entry).state}`))
    },
    async settle(call, how, seq) {
      await ledger.catchUp()
      const held = ledger.heldBy(call)
      if (held) await append('settled', held.id, { call, how, intent: seq ?? 0 })
    },
    async unsettled(instance) {
      await ledger.catchUp()
      return [...ledger.entries.values()].flatMap(({ use }) =>
        use?.instance === instance && use.open ? [use.call] : [],
      )
    },
    async settledUpTo(instance) {
      await ledger.catchUp()
      return ledger.settled.get(instance) ?? 0
    },
    async restore({ callId: call, instance }, token) {
      await ledger.catchUp()
      const entry = ledger.entries.get(String(token))
      if (entry?.word?.verdict === 'approve' && !entry.use) await append('restored', entry.id, { call, instance })
    },
  }
}
