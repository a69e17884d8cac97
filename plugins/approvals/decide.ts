// Takes one person's word on a request; must never let a claim pass for a person, nor a word go unrecorded.
import {
  type ApprovalRequest,
  type Approvals,
  ClonedError,
  type Decision,
  type Gate,
  type GrantTerms,
  isClonedError,
  type Outcome,
  toolCall,
} from 'cloned/kernel'
import type { Policy, PolicySnapshot } from '../policy/slot.js'
import type { Row, Store } from '../store/slot.js'
import { type Person, ruleFor } from './authority.js'
import { boundOf, doubtRequest, type Log, voidProof, type Word } from './evidence.js'
import { acceptTerms } from './grant-terms.js'
import { grantDigest, grantOf } from './grants.js'
import { requestOf, whyNot } from './request.js'
import { type Said, speakerOf } from './speaker.js'
import { decisionRecord, type Saying, statementsOf } from './words.js'

export interface DecideDeps {
  readonly store: Pick<Store, 'all' | 'write'>
  readonly policy: Pick<Policy, 'snapshot'>
  readonly audit: Log
  readonly gate: Pick<Gate, 'onApproval' | 'resume' | 'edit'>
  /** The operating-system user of this process: what about a decider without a key is not merely claimed. */
  readonly osUser: () => string
  readonly now: () => number
  /** Hears of every decision after it is durable. */
  readonly decided: (request: ApprovalRequest) => void
}

/** The part of {@link Approvals} that decides. */
export function createDecide({ store, policy, audit, gate, osUser, now, decided }: DecideDeps): Approvals['decide'] {
  async function mustBeRequested(row: Row): Promise<void> {
    const bound = boundOf(row)
    const doubt = await doubtRequest(audit, bound, Number(row['requested_seq'] ?? 1))
    if (doubt !== undefined) throw unusable(bound.approval, `${doubt}; make the call again to ask anew`)
  }

  /** The request as it may be decided now, by this person. */
  async function admit(id: string, decision: Decision, rules: PolicySnapshot['approvals']) {
    const at = now()
    const { row, request } = await pending(store, id, at)
    await mustBeRequested(row)
    const { said, person } = speakerOf(rules, request, decision, osUser(), at)
    return { at, row, request, said, person }
  }

  async function decide(id: string, decision: Decision): ReturnType<Approvals['decide']> {
    const { approvals: rules } = policy.snapshot()
    const { at, row, request, said, person } = await admit(id, decision, rules)
    if (decision.edit !== undefined && said.verdict === 'approve') {
      return await decideEdited(request, row, said, person, decision, rules)
    }
    const saying = sayingOf(request, row, said, person, rules, at)
    const after = await speak([saying])
    return finish(after, saying.word.verdict === 'approve')
  }

  /** Judged by the guards first, then both words in one step: the old request is closed and the new one approved. */
  async function decideEdited(
    request: ApprovalRequest,
    row: Row,
    said: Said,
    person: Person,
    { edit }: Decision,
    rules: PolicySnapshot['approvals'],
  ): ReturnType<Approvals['decide']> {
    if (edit === undefined) throw new TypeError('there is no edit')
    // A step asks with the input that its pipeline gives, and would never ask with another.
    if (request.action.actor.id.startsWith('run:'))
      throw unusable(request.id, 'the input of a step comes from its pipeline')
    const outcome: Outcome = await gate.edit(request.id, edit)
    if (outcome.status !== 'pending') return { request, outcome }
    const { id } = outcome.approval
    if (id === request.id) throw unusable(id, 'the edited arguments are those of the request')
    const at = now()
    const made = await pending(store, id, at)
    await mustBeRequested(made.row)
    const { grant, ...word } = said
    const closing = {
      ...sayingOf(request, row, word, person, rules, at),
      word: wordOf('edit', person, request, rules, id),
    }
    const approving = sayingOf(made.request, made.row, { ...word, ...(grant ? { grant } : {}) }, person, rules, at)
    return finish(await speak([closing, approving]), true)
  }

  /** Records, then stores, all or nothing; answers the request of the last. */
  async function speak(sayings: readonly Saying[]): Promise<ApprovalRequest> {
    const last = sayings.at(-1)
    if (!last) throw new TypeError('nothing was said')
    // Recorded first: a decision that the log does not know must not exist, not even for a moment.
    const seqs: number[] = []
    for (const saying of sayings) seqs.push((await audit.append(decisionRecord(audit, saying))).seq)
    const batch = sayings.flatMap((saying, i) => statementsOf(saying, seqs[i] ?? 0, sayings[i - 1]?.bound.approval))
    const { approval } = last.bound
    try {
      await store.write(batch)
    } catch (error) {
      if (!isClonedError(error) || error.code !== 'STORE_CONFLICT') throw error
      // Somebody else decided between the look and the change: the log must not keep two decisions as valid.
      for (const [i, { bound }] of sayings.entries()) await takeBack(bound.approval, seqs[i] ?? 0)
      await pending(store, sayings[0]?.bound.approval ?? approval, now())
      throw unusable(approval, `${last.word.approver} has decided it already, or it changed while it was decided`)
    }
    const request = await read(store, approval, now())
    decided(request)
    return request
  }

  async function takeBack(approval: string, seq: number): Promise<void> {
    const ts = new Date(now()).toISOString()
    const proof = voidProof(audit, approval, seq)
    await audit.append({ type: 'approval.decision_void', ts, approval, decided_seq: seq, proof })
  }

  async function finish(request: ApprovalRequest, approved: boolean): ReturnType<Approvals['decide']> {
    const runs = approved && request.state === 'approved' && gate.onApproval(request.action.kind) === 'execute'
    return runs ? { request, outcome: await gate.resume(request.id) } : { request }
  }

  return decide
}

function sayingOf(
  request: ApprovalRequest,
  row: Row,
  said: Said,
  person: Person,
  rules: PolicySnapshot['approvals'],
  at: number,
): Saying {
  const given = said.grant && said.verdict === 'approve' ? grantFor(request, said.grant, rules, at) : undefined
  return {
    request,
    bound: boundOf(row),
    requestedSeq: Number(row['requested_seq'] ?? 1),
    person,
    at,
    word: {
      ...wordOf(said.verdict, person, request, rules),
      ...(given ? { grant: grantDigest(given) } : {}),
    },
    ...(said.reason === undefined ? {} : { reason: said.reason }),
    ...(given ? { grant: given } : {}),
  }
}

function wordOf(
  verdict: Word['verdict'],
  { approver }: Person,
  { action }: ApprovalRequest,
  rules: PolicySnapshot['approvals'],
  replacedBy?: string,
): Word {
  const quorum = ruleFor(rules, action)?.quorum?.n ?? 1
  return { verdict, approver, quorum, ...(replacedBy === undefined ? {} : { replacedBy }) }
}

function grantFor(request: ApprovalRequest, terms: GrantTerms, rules: PolicySnapshot['approvals'], at: number) {
  const refused = (reason: string) => new ClonedError('GRANT_REFUSED', { approval: request.id, reason })
  if (request.action.kind !== toolCall.id) throw refused(`only tool calls can be granted, not ${request.action.kind}`)
  const rule = ruleFor(rules, request.action)
  if (rule?.grants === 'deny') throw refused(`the policy does not allow it (${rule.at})`)
  return grantOf(request, acceptTerms(request.id, terms, request.action.input, at))
}

async function read(store: DecideDeps['store'], id: string, at: number): Promise<ApprovalRequest> {
  const [row] = await store.all('select * from approvals where id = $1', id)
  if (!row) throw new ClonedError('APPROVAL_UNKNOWN', { approval: id })
  const decisions = await store.all('select * from approvals_decisions where approval = $1 order by seq', id)
  return requestOf(row, at, decisions)
}

async function pending(
  store: DecideDeps['store'],
  id: string,
  at: number,
): Promise<{ row: Row; request: ApprovalRequest }> {
  const [row] = await store.all('select * from approvals where id = $1', id)
  if (!row) throw new ClonedError('APPROVAL_UNKNOWN', { approval: id })
  const request = requestOf(row, at)
  if (request.state === 'pending') return { row, request }
  if (row['state'] === 'pending') {
    // Made to stay: a clock that steps back later must not open it again.
    const end = "update approvals set state = 'expired' where id = $1 and state = 'pending'"
    await store.write([{ sql: end, args: [id] }])
  }
  throw unusable(id, whyNot(request))
}

function unusable(approval: string, reason: string): ClonedError {
  return new ClonedError('APPROVAL_UNUSABLE', { approval, reason })
}
