// Gets a decision on a call that waits for a person, where the client can help; an agent's word must never be one.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Approvals, Json, Pending } from 'cloned/kernel'
import type { Policy } from '../policy/slot.js'
import { declares } from './eras.js'
import { isObject, objectIn } from './rpc.js'
import type { Hand } from './running.js'

export interface ApprovalParts {
  readonly approvals: Pick<Approvals, 'get' | 'decide'> | undefined
  readonly policy: Pick<Policy, 'snapshot'> | undefined
  readonly now: () => number
  readonly config: {
    /** How long a request is held for a decision where progress can be shown; below the time-outs of clients. */
    readonly holdMs: number
    readonly keepAliveMs: number
    readonly pollMs: number
  }
}

/** Whether somebody has decided. `false`: the client is to be told what the call waits for. */
export async function decided(pending: Pending, hand: Hand, parts: ApprovalParts): Promise<boolean> {
  if (!parts.approvals) return false
  const { client } = hand.scope()
  if (declares(client.capabilities, { elicitation: {} })) return await withClient(pending, hand, parts)
  if (hand.detach()) return await untilDecided(pending, parts, hand.signal)
  if (objectIn(hand.scope().params, '_meta')['progressToken'] !== undefined) return await held(pending, hand, parts)
  return false
}

/** The person before the client is asked; meanwhile others may decide elsewhere. */
async function withClient(pending: Pending, hand: Hand, parts: ApprovalParts): Promise<boolean> {
  const over = new AbortController()
  const signal = AbortSignal.any([over.signal, hand.signal])
  const elsewhere = untilDecided(pending, parts, signal)
  try {
    return await Promise.race([elsewhere, asked(pending, hand, parts, signal)])
  } finally {
    over.abort()
  }
}

async function asked(pending: Pending, hand: Hand, parts: ApprovalParts, signal: AbortSignal): Promise<boolean> {
  const { approval } = pending
  const rules = parts.policy?.snapshot().approvals
  // Elsewhere an authenticated approver has to decide: here the client is only told.
  const { person } = hand.scope().credential
  const { text, whole } = message(pending)
  // Nobody decides on what they do not see.
  const by = whole && rules?.selfDecision === true && rules.approvers.length === 0 ? person : undefined
  for (let round = 0; round < MAX_ROUNDS && !signal.aborted; round++) {
    let answer: Json
    try {
      const params = { mode: 'form', message: text, requestedSchema: by ? CHOICE : NOTHING }
      answer = await hand.ask('elicitation/create', params, signal, `cloned_approval_${approval.id}_${round}`)
    } catch {
      // The client could not ask, or the question was called off: the request stays as it is.
      return await new Promise<boolean>((resolve) => (signal.aborted ? undefined : resolve(false)))
    }
    const said = isObject(answer) ? answer : {}
    const choice = isObject(said['content']) ? said['content']['decision'] : undefined
    if (!by) {
      if (said['action'] !== 'accept') return false
      if (await isDecided(pending, parts)) return true
      continue
    }
    const verdict = said['action'] === 'decline' ? 'deny' : said['action'] === 'accept' ? choice : undefined
    if (verdict !== 'deny' && verdict !== 'approve') return false
    // Whoever sits at the client decides, not the agent that the call was made for.
    const reason = `answered in the MCP client ${hand.scope().client.name?.slice(0, 100) ?? 'without a name'}`
    await parts.approvals?.decide(approval.id, { verdict, by, proven: true, reason })
    return true
  }
  return false
}

/** As often as a person is told that somebody else has not decided yet; a program would answer without end. */
const MAX_ROUNDS = 20

const CHOICE = {
  type: 'object',
  properties: {
    decision: {
      type: 'string',
      title: 'Decision',
      oneOf: [
        { const: 'deny', title: 'Deny' },
        { const: 'approve', title: 'Approve: run it now' },
      ],
    },
  },
  required: ['decision'],
}
const NOTHING = { type: 'object', properties: {} }

const INPUT_SHOWN = 8000
/** What is not drawn, or changes how the rest is drawn; JSON escapes the other controls itself. */
const UNSEEN = /[\x7f-\x9f\p{Cf}\p{Default_Ignorable_Code_Point}\u2028\u2029]/gu

function message({ approval, reason, help }: Pending): { readonly text: string; readonly whole: boolean } {
  const { target, input, actor } = approval.action
  const json = JSON.stringify(input, null, 1).replace(UNSEEN, escaped)
  const whole = json.length <= INPUT_SHOWN
  const shown = whole ? json : `${json.slice(0, INPUT_SHOWN)} … (${json.length} characters: too many to decide on here)`
  return { text: `${actor.id} wants to call ${target}.\n${reason.replace(UNSEEN, escaped)}\n${shown}\n${help}`, whole }
}

/** As JSON escapes: a pair becomes two escapes. */
function escaped(character: string): string {
  const units = character.split('').map((unit) => unit.charCodeAt(0).toString(16).padStart(4, '0'))
  return units.map((unit) => `\\u${unit}`).join('')
}

/** The request is held, with signs of life, for less than clients wait. */
async function held(pending: Pending, hand: Hand, parts: ApprovalParts): Promise<boolean> {
  const { holdMs, keepAliveMs } = parts.config
  const { params, notify } = hand.scope()
  const { progressToken = null } = objectIn(params, '_meta')
  let progress = 0
  const alive = () => {
    const text = `Waiting for approval ${pending.approval.id}`
    notify('notifications/progress', { progressToken, progress: ++progress, message: text })
  }
  alive()
  const timer = setInterval(alive, keepAliveMs)
  try {
    return await untilDecided(pending, parts, AbortSignal.any([hand.signal, AbortSignal.timeout(holdMs)]))
  } finally {
    clearInterval(timer)
  }
}

/** `false` when the signal aborts or the request expires. */
async function untilDecided(pending: Pending, parts: ApprovalParts, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    if (await isDecided(pending, parts)) return true
    if (parts.now() >= pending.approval.expiresAt) return false
    await sleep(parts.config.pollMs, undefined, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error
    })
  }
  return false
}

async function isDecided({ approval: { id } }: Pending, parts: ApprovalParts): Promise<boolean> {
  const request = await parts.approvals?.get(id)
  return request !== undefined && request.state !== 'pending'
}
