// Bounds and records what a server asks of a client during one action; a question that is in no record is not asked.
import type { AuditLog, Json, JsonObject } from 'cloned/kernel'
import { isObject } from './peer.js'
import { type AnswerServer, UpstreamError } from './slot.js'

/** Of one action, whatever is asked in them. */
const MAX_QUESTIONS = 32

export interface QuestionLog {
  readonly audit: Pick<AuditLog, 'append'>
  readonly now: () => number
}

/** Asks the same, for as long as there are not too many. Rejects with {@link UpstreamError}. */
export function recorded(
  server: string,
  callId: string,
  { audit, now }: QuestionLog,
  answer: AnswerServer,
): AnswerServer {
  let asked = 0
  // Not by the action itself: a question may be answered by way of another request of its client, and that end before it.
  const record = (type: string, fields: JsonObject) =>
    audit.append({ type, ts: new Date(now()).toISOString(), call_id: callId, ...fields })
  return async (method, params, ...rest) => {
    if (++asked > MAX_QUESTIONS) throw new UpstreamError(-32603, 'The server asks too much')
    const about = { server, method: method.slice(0, 100), question: asked }
    const mode = isObject(params) && params['mode'] === 'url' ? { mode: 'url' } : {}
    await record('mcp.asked', { ...about, ...mode })
    let said = 'none'
    try {
      const answered = await answer(method, params, ...rest)
      said = wordOf(answered)
      return answered
    } finally {
      await record('mcp.answered', { ...about, answer: said })
    }
  }
}

/** What a person has chosen, never what they have typed. */
function wordOf(answered: Json): string {
  const action = isObject(answered) ? answered['action'] : undefined
  return action === 'accept' || action === 'decline' || action === 'cancel' ? action : 'given'
}
