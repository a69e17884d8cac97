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
import { asksKey, covers, ruleFor, speakerOf } from 'cloned/plugins/approvals'
import type { Policy } from 'cloned/plugins/policy'
import type { Row, Store } from 'cloned/plugins/store'
import { type Standing, standingOf } from './standing.js'

export interface Parts {
  readonly audit: AuditLog
  readonly store: Store
  readonly policy: Policy
  readonly gate: Pick<Gate, 'actor' | 'resume' | 'onApproval'>
  readonly now: () => number
  readonly decided: (request: ApprovalRequest) => void
}

/** What requests are about, for the log keeps no inputs. `latest`: action and asks, of the newest request for them. */
export const STEPS = [
  [
    `create table acme_approvals (id text primary key, seq bigint not null, digest text not null, actor text not null,
       latest text unique, body text not null)`,
  ],
]

export function createApprovals({ audit, store, policy, gate, now, decided }: Parts): Approvals {
  /** What somebody has seen as expired stays so, also when the clock is set back. */
  const over = new Set<string>()
  const proofOf = (body: string) => audit.token('acme.approval', body)
  const unknown = (approval: string) => new ClonedError('APPROVAL_UNKNOWN', { approval })
  const unusable = (approval: string, reason: string) => new ClonedError('APPROVAL_UNUSABLE', { approval, reason })
  const refusal = ({ code, message, help }: ClonedError): TakeAnswer => ({ ok: false, reason: message, code, help })

  async function append(type: string, approval: string, fields: JsonObject): Promise<number> {
    const at = now()
    const about = { type: `approval.${type}`, ts: new Date(at).toISOString(), approval, at }
    return (await audit.append({ ...about, ...fields })).seq
  }

  /** Nothing for a row that is not what was recorded. */
  async function look(row: Row): Promise<readonly Standing[]> {
    const body = String(row['body'])
    const opened = JSON.parse(body) as ApprovalRequest
    const records = await audit.find(opened.id, Number(row['seq']))
    if (records[0]?.record['proof'] !== proofOf(body)) return []
    const standing = standingOf(opened, records)
    const { request } = standing
    if (request.state !== 'pending' && request.state !== 'approved') return [standing]
    if (request.expiresAt <= now()) over.add(request.id)
    return [over.has(request.id) ? { ...standing, request: { ...request, state: 'expired' } } : standing]
  }
  /** Newest first. */
  async function where(condition: string, ...args: readonly string[]): Promise<readonly Standing[]> {
    const rows = await store.all(`select * from acme_approvals where ${condition} order by seq desc`, ...args)
    return (await Promise.all(rows.map(look))).flat()
  }
  const requests = async (...asked: Parameters<typeof where>) => (await where(...asked)).map(({ request }) => request)
  const byId = async (id: string) => (await where('id = $1', id))[0]

  return {
    get: async (id) => (await byId(id))?.request,
    list: async ({ state } = {}) =>
      (await requests('true')).filter((one) => state === undefined || one.state === state),
    match: async (digest, asks) =>
      (await requests('digest = $1', digest)).find((one) => one.state === 'approved' && covers(one.asks, asks)),

    async open(action, asks) {
      const key = `${action.digest} ${asksKey(asks)}`
      const { id: actor } = action.actor
      const [held] = await store.all('select id from acme_approvals where latest = $1', key)
      const before = String(held?.['id'])
      const known = (await byId(before))?.request
      if (known?.state === 'pending') return { request: known, created: false }
      const { expiresMs, maxPendingPerActor: most } = policy.snapshot().approvals
      const waiting = (await requests('actor = $1 and latest is not null', actor)).filter(
        ({ state }) => state === 'pending',
      )
      if (waiting.length >= most) throw new ClonedError('APPROVALS_FULL', { whose: actor, count: most })
      const [id, createdAt] = [`ap_${randomBytes(8).toString('hex')}`, now()]
      const made: ApprovalRequest = { id, state: 'pending', action, asks, createdAt, expiresAt: createdAt + expiresMs }
      const body = canonical(made as unknown as Json)
      const seq = await append('requested', id, { kind: action.kind, target: action.target, proof: proofOf(body) })
      // Two processes asked the same at one moment: the row that came first is the request.
      const sql = 'insert into acme_approvals values ($1, $2, $3, $4, $5, $6) on conflict (latest) do nothing'
      await store.write([
        { sql: 'update acme_approvals set latest = null where id = $1', args: [before] },
        { sql, args: [id, seq, action.digest, actor, key, body] },
      ])
      const [request] = await requests('latest = $1', key)
      if (!request) throw unusable(id, 'its record is not in the audit log')
      return { request, created: request.id === id }
    },

    async decide(id, decision) {
      const { request } = (await byId(id)) ?? {}
      if (!request) throw unknown(id)
      if (request.state === 'expired') await append('expired', id, {})
      if (request.state !== 'pending') throw unusable(id, `it is ${request.state}`)
      const rules = policy.snapshot().approvals
      const { said, person } = speakerOf(rules, request, decision, gate.actor().osUser, now())
      const refused = (reason: string) => new ClonedError('APPROVER_REFUSED', { approval: id, reason })
      // What these approvals cannot keep they do not accept.
      if (said.grant || decision.edit !== undefined) throw refused('only a plain yes or no is taken here')
      if ((ruleFor(rules, request.action)?.quorum?.n ?? 1) > 1)
        throw refused('more than one have to agree, and only one can')
      const { verdict, reason } = said
      const by = { ...person.actor }
      const state = verdict === 'approve' ? 'approved' : 'denied'
      const word = { state, decidedBy: by, decidedAt: now(), ...(reason === undefined ? {} : { reason }) }
      const seq = await append('decided', id, { verdict, by, word })
      const after = await byId(id)
      if (after?.decided !== seq) throw unusable(id, 'somebody else was first')
      decided(after.request)
      const runs = verdict === 'approve' && gate.onApproval(request.action.kind) === 'execute'
      return { request: after.request, ...(runs ? { outcome: await gate.resume(id) } : {}) }
    },

    async take({ callId, instance }, id, { digest, asks }) {
      const isOwn = (standing?: Standing) => standing?.use?.open && standing.use.call === callId
      const standing = await byId(id)
      if (!standing) return refusal(unknown(id))
      const { request } = standing
      if (request.action.digest !== digest || !covers(request.asks, asks))
        return refusal(unusable(id, 'it was given for another action, or for other questions'))
      if (isOwn(standing)) return { ok: true, token: id }
      if (request.state === 'approved') await append('taken', id, { call_id: callId, instance })
      const after = await byId(id)
      return isOwn(after) ? { ok: true, token: id } : refusal(unusable(id, `it is ${after?.request.state}`))
    },
    async restore({ callId, instance }, token) {
      if (await byId(String(token))) await append('restored', String(token), { call_id: callId, instance })
    },
    async settle(callId, how, seq) {
      const [held] = (await where('true')).filter(({ use }) => use?.open && use.call === callId)
      if (held) await append('settled', held.request.id, { call_id: callId, how, intent: seq ?? 0 })
    },
    async unsettled(instance) {
      return (await where('true')).flatMap(({ use }) => (use?.open && use.instance === instance ? [use.call] : []))
    },
    async settledUpTo(instance) {
      const settled = (await where('true')).flatMap((one) => one.settled)
      return Math.max(0, ...settled.filter((one) => one.instance === instance).map(({ intent }) => intent))
    },
  }
}
