// Judges recorded calls by a candidate policy; runs and records nothing, and must say what it could not judge.
import { type Action, contractHash, type JsonObject, type StoredRecord, type ToolContract } from 'cloned/kernel'
import type { Effective } from './effective.js'
import type { JudgedRequest, RequestAnswer } from './egress-judge.js'
import type { JudgedTool } from './judge.js'
import type { Answer } from './slot.js'

/** Calls that are alike, and what becomes of them. */
export interface ReplayedChange {
  readonly kind: string
  /** A tool, another target, or method and origin of a request. */
  readonly target: string
  readonly actor: string
  readonly recorded: Answer
  readonly candidate: Answer
  /** The rule of the candidate. */
  readonly rule: string
  readonly count: number
  /** The newest of their records. */
  readonly seq: number
}

export interface Replayed {
  readonly judged: number
  readonly changed: readonly ReplayedChange[]
  /** Records that could not be judged, by the reason. */
  readonly unjudged: Readonly<Record<string, number>>
}

export interface Candidate extends Pick<Effective, 'content' | 'judge'> {
  /** Absent: nobody here can judge requests. */
  readonly egress: ((request: JudgedRequest) => RequestAnswer) | undefined
  /** The tools that are here. */
  readonly tools: readonly ToolContract[]
}

type Judged = Pick<ReplayedChange, 'target' | 'candidate' | 'rule'>

/** Replays every record. The recorded answer is the vote that the policy cast then. */
export async function replay(records: AsyncIterable<StoredRecord>, candidate: Candidate): Promise<Replayed> {
  const changed = new Map<string, ReplayedChange>()
  const unjudged: Record<string, number> = {}
  /** Targets of calls, to name the tool of a request. */
  const targets = new Map<string, string>()
  let judged = 0
  for await (const { seq, record } of records) {
    const type = String(record['type'])
    const first = type.endsWith('.intent') || (type.endsWith('.outcome') && record['intent'] === undefined)
    if (first) targets.set(String(record['call_id']), String(record['target']))
    const request = type === 'check.before_egress'
    if (!first && !request) continue
    const recorded = request ? checked(record) : voted(record)
    // Refused before anybody voted: another policy would not have been asked either.
    if (!recorded) continue
    const answer = request ? judgeRequest(record, candidate, targets) : judgeCall(record, candidate)
    if (typeof answer === 'string') {
      unjudged[answer] = (unjudged[answer] ?? 0) + 1
      continue
    }
    judged++
    if (answer.candidate === recorded) continue
    const kind = request ? 'request' : String(record['kind'])
    const actor = String((record['actor'] as JsonObject | undefined)?.['id'] ?? '')
    const key = JSON.stringify([kind, answer.target, actor, recorded, answer.candidate, answer.rule])
    const count = (changed.get(key)?.count ?? 0) + 1
    changed.set(key, { kind, actor, recorded, ...answer, count, seq })
  }
  return { judged, changed: [...changed.values()], unjudged }
}

function judgeCall(record: JsonObject, { content, judge, tools }: Candidate): Judged | string {
  const [kind, target] = [String(record['kind']), String(record['target'])]
  if (kind !== 'tool.call') {
    const { answer, rule } = judge.action({ kind, target } as Action)
    return { target, candidate: answer, rule }
  }
  const risk = record['risk']
  if (risk !== 'low' && risk !== 'medium' && risk !== 'high') return 'a call without the risk of its tool'
  const here = tools.find(({ id }) => id === target)
  const known = here && contractHash(here) === record['contract'] ? here : undefined
  const { deny, ask, allow } = content.capabilities
  if (!known && deny.length + ask.length + allow.length > 0) {
    return 'a tool that is not here any more, or changed: its capability is not recorded'
  }
  const tool: JudgedTool = {
    id: target,
    risk,
    capability: known?.capability ?? '',
    timeoutMs: known?.timeoutMs ?? 0,
  }
  const depth = typeof record['depth'] === 'number' ? record['depth'] : 0
  const { answer, rule } = judge.action({ kind, target, depth, tool } as Action & { tool: JudgedTool })
  return { target, candidate: answer, rule }
}

function judgeRequest(record: JsonObject, { egress }: Candidate, targets: Map<string, string>): Judged | string {
  if (!egress) return 'a request, and no firewall is here that could judge it'
  const subject = (record['subject'] ?? {}) as JsonObject
  const { url, method, connector } = subject
  if (typeof url !== 'string' || typeof method !== 'string') return 'a request whose record does not name its URL'
  const tool = typeof subject['tool'] === 'string' ? subject['tool'] : targets.get(String(record['call_id']))
  if (tool === undefined) return 'a request whose call is not in the log'
  const { answer, rule } = egress({ tool, method, url, ...(typeof connector === 'string' ? { connector } : {}) })
  return { target: `${method} ${originOf(url)}`, candidate: answer, rule }
}

function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : 'a URL that is not clear'
}

function voted({ ballot }: JsonObject): Answer | undefined {
  const votes = Array.isArray(ballot) ? (ballot as readonly JsonObject[]) : []
  const answers = votes.filter(({ plugin }) => plugin === 'cloned.policy').map(({ effect }) => effect)
  // It has a vote in each hook of an action and abstains in all but one.
  return answers.find((effect) => effect === 'allow' || effect === 'ask' || effect === 'deny')
}

/** By the answer of the check: it is the firewall that votes there. */
function checked({ allowed }: JsonObject): Answer {
  return allowed === true ? 'allow' : 'deny'
}
