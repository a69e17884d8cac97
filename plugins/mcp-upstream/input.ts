// Answers what a server wants to know before it can answer; each question once, and not for ever.
import type { Json, JsonObject } from 'cloned/kernel'
import { isObject } from './peer.js'
import { type AnswerServer, UpstreamError } from './slot.js'

const MAX_ROUNDS = 8
const MAX_QUESTIONS = 16

/** Whether this answer is questions. */
export function answersInput(result: JsonObject): boolean {
  return result['resultType'] === 'input_required'
}

/** Asks the client and sends the request again, until it is answered. Rejects with {@link UpstreamError}. */
export async function inputAnswers(
  first: JsonObject,
  send: (more: JsonObject) => Promise<JsonObject>,
  answer: AnswerServer | undefined,
  signal: AbortSignal = new AbortController().signal,
): Promise<JsonObject> {
  let result = first
  for (let round = 0; answersInput(result); round++) {
    if (round === MAX_ROUNDS) throw new UpstreamError(-32603, 'The server asks again and again')
    const { inputRequests, requestState } = result
    const questions = Object.entries(isObject(inputRequests) ? inputRequests : {})
    if (questions.length > MAX_QUESTIONS) throw new UpstreamError(-32603, 'The server asks too much at once')
    // Together, as it asked; what the client cannot answer is left out, and the server sees to it.
    const asked = await Promise.allSettled(
      questions.map(async ([key, question]): Promise<[string, Json]> => {
        const { method, params } = isObject(question) ? question : {}
        if (typeof method !== 'string') throw new UpstreamError(-32603, 'The server asks for nothing')
        if (!answer) throw new UpstreamError(-32601, `No client is there who could answer ${method.slice(0, 100)}`)
        return [key, await answer(method, params ?? {}, signal, key)]
      }),
    )
    const responses = asked.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    const refused = asked.find((each) => each.status === 'rejected')
    if (refused && responses.length === 0) throw refused.reason
    result = await send({
      ...(questions.length === 0 ? {} : { inputResponses: Object.fromEntries(responses) }),
      ...(requestState === undefined ? {} : { requestState }),
    })
  }
  return result
}
