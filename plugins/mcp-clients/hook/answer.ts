// Answers one event of a client's hook, in whichever process; what it throws must never read as an answer that allows.
import { ClonedError, didYouMean, type JsonObject } from 'cloned/kernel'
import { HOOKED, readEvent, wordAnswer } from './formats.js'
import { type JudgeParts, judge, recordOutcome } from './judge.js'

/** `named` and `text` are what the hook was told. Throws `CLIENT_UNKNOWN` and `HOOK_INPUT`. */
export async function answerHook(named: string, text: string, parts: JudgeParts): Promise<JsonObject> {
  const client = HOOKED.find((known) => known === named)
  if (!client) {
    throw new ClonedError('CLIENT_UNKNOWN', {
      client: named,
      near: didYouMean(named, HOOKED),
      known: HOOKED.join(', '),
    })
  }
  const event = readEvent(client, text)
  if (event.phase === 'before') return wordAnswer(client, await judge(client, event, parts))
  // To call the gateway's own record a second one would count its calls twice.
  if (!parts.governed(client, event)) await recordOutcome(client, event, parts)
  return {}
}
