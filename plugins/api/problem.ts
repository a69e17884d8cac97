// Turns errors and outcomes into answers (RFC 9457); says nothing that the command line would not say.
import { ERRORS, type ErrorCode, isClonedError, type JsonObject, type Outcome, outcomeJson } from 'cloned/kernel'

export interface Problem {
  readonly status: number
  readonly body: JsonObject
}

const BY_EXIT = { 1: 409, 2: 400, 3: 403, 4: 409, 5: 409, 6: 503 } as const

/** Codes whose status does not follow from their exit code. */
const BY_CODE: Readonly<Partial<Record<ErrorCode, number>>> = {
  API_UNAUTHENTICATED: 401,
  API_LOCKED_OUT: 429,
  API_RATE: 429,
  API_NOT_FOUND: 404,
  API_FAILED: 500,
}

const BY_STATUS = { done: 200, 'dry-run': 200, pending: 202, denied: 403, failed: 422 } as const

/** The status of an outcome and its document; denied and failed ones are problem documents. */
export function outcomeAnswer(outcome: Outcome): Problem {
  const status = BY_STATUS[outcome.status]
  const body = outcomeJson(outcome)
  if (outcome.status === 'pending') return { status, body: { ...body, approval_id: outcome.approval.id } }
  if (outcome.status !== 'denied' && outcome.status !== 'failed') return { status, body }
  const { status: _, ...rest } = body
  return {
    status,
    body: { ...document(outcome.code, status, outcome.reason, outcome.help), outcome: outcome.status, ...rest },
  }
}

/** The answer to something that was thrown. An error that is not ours is told to the log, not to the client. */
export function problemOf(thrown: unknown): Problem {
  if (isClonedError(thrown)) {
    const { code, message, help } = thrown
    const status = BY_CODE[code] ?? (code.endsWith('_UNKNOWN') ? 404 : BY_EXIT[ERRORS[code].exit])
    return { status, body: document(code, status, message, help) }
  }
  const { statusCode = 500, message = '' } = (thrown ?? {}) as { statusCode?: number; message?: string }
  if (statusCode >= 400 && statusCode < 500) {
    return { status: statusCode, body: document('API_REQUEST', statusCode, message, ERRORS.API_REQUEST.next) }
  }
  const { what, next } = ERRORS.API_FAILED
  return { status: 500, body: document('API_FAILED', 500, what, next) }
}

function document(code: string, status: number, detail: string, help: string): JsonObject {
  return { type: `urn:cloned:error:${code}`, title: code, status, detail, help, code }
}
