// Words how a governed call ended as a result that clients understand; what ran must never read as if it had not.
import type { Json, JsonObject, Outcome } from 'cloned/kernel'
import { META } from './eras.js'
import { isObject } from './rpc.js'

/** What a client is told of a call that ended. `wrapped`: the output is already a result of MCP, and stays as it is. */
export function resultOf(outcome: Outcome, wrapped: boolean): JsonObject {
  switch (outcome.status) {
    case 'done':
      return wrapped && isObject(outcome.output) ? (outcome.output as JsonObject) : ownResult(outcome.output)
    case 'denied': {
      const { reason, help, code, callId } = outcome
      const about = { 'cloned/outcome': { status: 'denied', code, callId } }
      // Nobody refused: the model can put it right itself.
      if (code === 'INPUT_INVALID') return problem([reason, help], about)
      const hints = [{ type: 'text', text: help }]
      return problem([`Denied: ${reason}`, help], {
        [META.authorization]: denial(callId, 'unavailable', hints),
        ...about,
      })
    }
    case 'pending':
      return problem(
        [
          `Not run yet: ${outcome.reason}`,
          outcome.help,
          'Once it is approved, call this tool again with exactly the same arguments.',
        ],
        {
          [META.authorization]: denial(outcome.approval.id, 'available', [
            { type: 'command', command: `cloned approvals approve ${outcome.approval.id}` },
          ]),
          'cloned/outcome': { status: 'pending', approval: outcome.approval.id, callId: outcome.callId },
        },
      )
    case 'failed':
      return problem([outcome.reason, EFFECTS[outcome.effect], outcome.help], {
        'cloned/outcome': { status: 'failed', code: outcome.code, effect: outcome.effect, callId: outcome.callId },
      })
    case 'dry-run':
      return problem([`Judged and not run: ${outcome.verdict}`, outcome.reason ?? ''], {})
  }
}

const EFFECTS = {
  none: 'It had no effect.',
  happened: 'It did happen; only its result is missing.',
  unknown: 'Whether it had an effect is not known.',
} as const

function ownResult(output: Json): JsonObject {
  const text = typeof output === 'string' ? output : JSON.stringify(output)
  const structured = isObject(output) ? { structuredContent: output as JsonObject } : {}
  return { content: [{ type: 'text', text }], ...structured }
}

/** Presence says that the operation was not performed, and tells a denial from a tool that is not there. */
function denial(
  context: string,
  remediation: 'available' | 'unavailable',
  remediationHints: readonly JsonObject[],
): JsonObject {
  return {
    reason: 'insufficient_authorization',
    remediation,
    authorizationContextId: context,
    remediationHints,
  }
}

function problem(lines: readonly string[], meta: JsonObject): JsonObject {
  const text = lines.filter((line) => line !== '').join('\n')
  return { content: [{ type: 'text', text }], isError: true, ...(Object.keys(meta).length > 0 ? { _meta: meta } : {}) }
}
