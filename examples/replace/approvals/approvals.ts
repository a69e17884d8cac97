// Opens, decides and uses approvals; what is not in the audit log never happened, and nothing is used twice.
import { randomBytes } from 'node:crypto'
import {
  type ApprovalRequest,
  type Approvals,
  type AuditLog,
  ClonedError,
  canonical,
  type Decision,
  type Gate,
  type Json,
  type JsonObject,
  type TakeAnswer,
} from 'cloned/kernel'
import { covers, identify, mustBeEntitled, ruleFor } from 'cloned/plugins/approvals'
import type { Policy } from 'cloned/plugins/policy'
import type { Store } from 'cloned/plugins/store'
import { type Entry, isLike, Ledger, type Opened } from './ledger.js'

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
  const rules = () => policy.snapshot().approvals
  const proofOf = (body: string) => audit.token('acme.approval', canonical(body))
  const ledger = new Ledger(audit, async (id, proof) => {
    const [row] = await store.all('select body from acme_approvals where id = $1', id)
    const body = String(row?.['body'])
    return row && proofOf(body) === proof ? (JSON.parse(body) as Opened) : undefined
  })
  const append = async (type: string, approval: string, fields: JsonObject) => {
    const at = now()
    const ts = new Date(at).toISOString()
    const { seq } = await audit.append({ type: `approval.${type}`, ts, approval, at, ...fields })
    await ledger.now()
    return seq
  }
  const find = async (id: string) => (await ledger.now()).find((one) => one.id === id)
  const list = async () => (await ledger.now()).map(show).reverse()
  const unusable = (approval: string, reason: string) => new ClonedError('APPROVAL_UNUSABLE', { approval, reason })
  const refusal = ({ code, message, help }: ClonedError): TakeAnswer => ({ ok: false, reason: message, code, help })

  /** As it stands now. What was seen as expired stays so, also when the clock is set back. */
  function show(entry: Entry): ApprovalRequest {
    const { word, use, expired: _, ...opened } = entry
    if (word?.verdict !== 'deny' && !use && opened.expiresAt <= now()) entry.expired = true
    const open = entry.expired ? 'expired' : word ? 'approved' : 'pending'
    return {
      ...opened,
      state: use ? 'used' : word?.verdict === 'deny' ? 'denied' : open,
      ...(word ? { decidedBy: word.by, decidedAt: word.at } : {}),
      ...(word?.reason === undefined ? {} : { reason: word.reason }),
      ...(use ? { usedBy: use.call } : {}),
    }
  }

  /** Whose word it is, if it counts. What these approvals cannot keep they do not accept. */
  function speaker(entry: Entry, { by, proven, signed, edit, grant }: Decision) {
    const refused = (reason: string) => new ClonedError('APPROVER_REFUSED', { approval: entry.id, reason })
    if (signed !== undefined || edit !== undefined || grant) throw refused('only a plain yes or no is taken here')
    const { n = 1 } = ruleFor(rules(), entry.action)?.quorum ?? {}
    if (n > 1) throw refused(`${n} people have to agree, and only one can here`)
    const person = identify(rules(), { named: by, osUser: proven ? by.osUser : gate.actor().osUser })
    mustBeEntitled(rules(), person, entry, now())
    return person.actor
  }

  return {
    async match(digest, asks) {
      const usable = (one: ApprovalRequest) => one.state === 'approved' && one.action.digest === digest
      return (await list()).find((one) => usable(one) && covers(one.asks, asks))
    },
    async open(action, asks) {
      const waiting = async () => (await list()).filter(({ state }) => state === 'pending')
      const waits = await waiting()
      const known = waits.find((one) => isLike(one, { action, asks }))
      if (known) return { request: known, created: false }
      const { expiresMs, maxPendingPerActor: most } = rules()
      if (waits.filter((one) => one.action.actor.id === action.actor.id).length >= most)
        throw new ClonedError('APPROVALS_FULL', { whose: action.actor.id, count: most })
      const [id, at] = [`ap_${randomBytes(8).toString('hex')}`, now()]
      const body = canonical({ id, action, asks, createdAt: at, expiresAt: at + expiresMs } as unknown as Json)
      await store.write([{ sql: 'insert into acme_approvals (id, body) values ($1, $2)', args: [id, body] }])
      await append('requested', id, { kind: action.kind, target: action.target, proof: proofOf(body) })
      const request = (await waiting()).find((one) => isLike(one, { action, asks }))
      if (!request) throw unusable(id, 'it expired while it was opened')
      return { request, created: request.id === id }
    },
    get: async (id) => (await list()).find((one) => one.id === id),
    list: async ({ state } = {}) => (await list()).filter((one) => state === undefined || one.state === state),
    async decide(id, decision) {
      const entry = await find(id)
      if (!entry) throw new ClonedError('APPROVAL_UNKNOWN', { approval: id })
      const { state } = show(entry)
      if (state === 'expired') await append('expired', id, {})
      if (state !== 'pending') throw unusable(id, `it is ${state}`)
      const { verdict, reason } = decision
      const by = { ...speaker(entry, decision) }
      const seq = await append('decided', id, { verdict, by, ...(reason === undefined ? {} : { reason }) })
      const request = show(entry)
      // Somebody else was first.
      if (entry.word?.seq !== seq) throw unusable(id, `it is ${request.state}`)
      decided(request)
      const runs = verdict === 'approve' && gate.onApproval(entry.action.kind) === 'execute'
      return { request, ...(runs ? { outcome: await gate.resume(id) } : {}) }
    },
    async take({ callId: call, instance }, id, { digest, asks }) {
      const entry = await find(id)
      if (!entry) return refusal(new ClonedError('APPROVAL_UNKNOWN', { approval: id }))
      const isOwn = () => entry.use?.call === call && entry.use.open
      if (entry.action.digest !== digest || !covers(entry.asks, asks))
        return refusal(unusable(id, 'it was given for another action, or for other questions'))
      if (!isOwn() && show(entry).state === 'approved') await append('taken', id, { call, instance })
      return isOwn() ? { ok: true, token: id } : refusal(unusable(id, `it is ${show(entry).state}`))
    },
    async settle(call, how, seq) {
      const held = (await ledger.now()).find(({ use }) => use?.call === call && use.open)
      if (held) await append('settled', held.id, { call, how, intent: seq ?? 0 })
    },
    async unsettled(instance) {
      const isOpen = ({ use }: Entry) => use?.instance === instance && use.open
      return (await ledger.now()).filter(isOpen).flatMap(({ use }) => use?.call ?? [])
    },
    async settledUpTo(instance) {
      await ledger.now()
      return ledger.settled.get(instance) ?? 0
    },
    async restore({ callId: call, instance }, token) {
      const entry = await find(String(token))
      if (entry?.word?.verdict === 'approve' && !entry.use) await append('restored', entry.id, { call, instance })
    },
  }
}
