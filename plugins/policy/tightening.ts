// Decides whether a policy write only takes permissions away; whatever is not plainly so must come out as a loosening.
import { canonical, type Json } from 'cloned/kernel'
import type { Answer, AnswerLists, EgressLists, EgressPolicy, PolicySnapshot } from './slot.js'

type Content = Omit<PolicySnapshot, 'epoch' | 'drift' | 'digest' | 'overlay'>

/** Whether nothing that `before` denies or asks for gets more from `after`. */
export function tightens(before: Content, after: Content): boolean {
  const { approvals: was, limits } = before
  const { approvals: is } = after
  return (
    before.pack === after.pack &&
    atMost(after.tools.risk, before.tools.risk) &&
    toolLists(before.tools, after.tools, before.tools.risk) &&
    toolLists(before.capabilities, after.capabilities, before.tools.risk) &&
    // An asked-for publisher may be allowed by another list when the entry goes: left to people.
    same(before.publishers.ask, after.publishers.ask) &&
    contains(after.publishers.deny, before.publishers.deny) &&
    contains(before.publishers.allow, after.publishers.allow) &&
    RANK[after.publishers.others] <= RANK[before.publishers.others] &&
    actions(before.actions, after.actions) &&
    is.expiresMs <= was.expiresMs &&
    is.maxPendingPerActor <= was.maxPendingPerActor &&
    (was.selfDecision || !is.selfDecision) &&
    same(was.approvers, is.approvers) &&
    same(unplaced(was.rules), unplaced(is.rules)) &&
    (before.writes.tightening === 'allow' || after.writes.tightening === 'ask') &&
    after.limits.depth <= limits.depth &&
    after.limits.timeoutMs <= limits.timeoutMs &&
    contains(before.ui.origins, after.ui.origins) &&
    caps(before, after) &&
    egress(before.egress, after.egress)
  )
}

const RANK: Readonly<Record<Answer, number>> = { deny: 0, ask: 1, allow: 2 }

function atMost(answers: Readonly<Record<string, Answer>>, limits: Readonly<Record<string, Answer>>): boolean {
  return Object.entries(answers).every(([key, answer]) => RANK[answer] <= RANK[own(limits, key) ?? 'deny'])
}

/** An entry of `ask` lifts what the risk alone would deny, so none may come where it could; and none may go. */
function toolLists(before: AnswerLists, after: AnswerLists, risk: Readonly<Record<string, Answer>>): boolean {
  const mayAsk = !Object.values(risk).includes('deny')
  return (
    contains(after.deny, before.deny) &&
    contains(before.allow, after.allow) &&
    contains(after.ask, before.ask) &&
    (mayAsk || contains(before.ask, after.ask))
  )
}

/** A policy write that becomes a denial would close the way back: left to people. */
function actions(before: Content['actions'], after: Content['actions']): boolean {
  const answer = (answers: Content['actions'], kind: string) => own(answers, kind) ?? own(answers, '*') ?? 'deny'
  const kinds = new Set([...Object.keys(before), ...Object.keys(after), '*'])
  return (
    before['policy.write'] === after['policy.write'] &&
    [...kinds].every((kind) => RANK[answer(after, kind)] <= RANK[answer(before, kind)])
  )
}

function caps({ budgets: before }: Content, { budgets: after }: Content): boolean {
  const key = ({ limit: _, warn: __, ...cap }: Content['budgets'][number]) => canonical(cap as unknown as Json)
  return before.every((cap) => after.some((other) => key(other) === key(cap) && other.limit <= cap.limit))
}

function egress(before: EgressPolicy, after: EgressPolicy): boolean {
  // The first rule that names a host says where it may lead: without it another one might lead to private addresses.
  const asTheyAre = canonical(before as unknown as Json).includes('"addresses":')
  const scopes = (scope: 'connectors' | 'tools') =>
    [...new Set([...Object.keys(before[scope]), ...Object.keys(after[scope])])].every((name) =>
      lists(own(before[scope], name) ?? NONE, own(after[scope], name) ?? NONE, asTheyAre),
    )
  return lists(before.global, after.global, asTheyAre) && scopes('connectors') && scopes('tools')
}

const NONE: EgressLists = { deny: [], allow: [] }

function lists(before: EgressLists, after: EgressLists, asTheyAre: boolean): boolean {
  const [was, is] = [unplaced(before.allow), unplaced(after.allow)]
  return (asTheyAre ? same(was, is) : contains(was, is)) && contains(unplaced(after.deny), unplaced(before.deny))
}

function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined
}

function unplaced(rules: readonly { readonly at: string }[]): readonly object[] {
  return rules.map(({ at: _, ...rule }) => rule)
}

function contains(all: readonly unknown[], some: readonly unknown[]): boolean {
  const texts = new Set(all.map(text))
  return some.every((value) => texts.has(text(value)))
}

function same(a: readonly unknown[], b: readonly unknown[]): boolean {
  return text(a) === text(b)
}

function text(value: unknown): string {
  return canonical(value as Json)
}
