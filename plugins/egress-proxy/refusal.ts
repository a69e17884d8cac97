// Words why a connection or request does not leave; must never tell the other side what an address or a failure was.
import { STATUS_CODES } from 'node:http'
import { ClonedError, type Outcome } from 'cloned/kernel'

/** Why it does not leave, and what of it goes over the wire. */
export interface Refusal {
  readonly code: string
  /** HTTP status. */
  readonly status: number
  /** Type of the error in `Proxy-Status` (RFC 9209). */
  readonly error: string
  /** For people on the other side; empty where even that would say too much. */
  readonly text: string
}

const WIRE: Readonly<Record<string, readonly [status: number, error: string]>> = {
  EGRESS_ADDRESS: [403, 'destination_ip_prohibited'],
  EGRESS_CANCELLED: [503, 'proxy_internal_error'],
  EGRESS_DENIED: [403, 'http_request_denied'],
  EGRESS_FAILED: [502, 'destination_unavailable'],
  EGRESS_PROXY_BUSY: [503, 'connection_limit_reached'],
  EGRESS_PROXY_RATE: [503, 'connection_limit_reached'],
  EGRESS_PROXY_REQUEST: [400, 'http_request_error'],
  EGRESS_REQUEST: [400, 'http_request_error'],
  EGRESS_RESPONSE: [502, 'http_protocol_error'],
  EGRESS_REVOKED: [403, 'http_request_denied'],
  EGRESS_TIMEOUT: [504, 'connection_timeout'],
}

/** Reasons that were made from what the other side itself sent, or from the rules. */
const TOLD = new Set([
  'EGRESS_DENIED',
  'EGRESS_PROXY_BUSY',
  'EGRESS_PROXY_RATE',
  'EGRESS_PROXY_REQUEST',
  'EGRESS_REQUEST',
])

export function refusalOf({ code, message, help }: ClonedError): Refusal {
  return worded(code, [502, 'proxy_internal_error'], TOLD.has(code) ? `${message}\n${help}\n` : '')
}

/** The refusal of an action that was not done. */
export function refusalOfOutcome(outcome: Exclude<Outcome, { status: 'done' }>): Refusal {
  switch (outcome.status) {
    case 'pending':
      return worded('APPROVAL_NEEDED', [403, 'http_request_denied'], `${outcome.reason}\n${outcome.help}\n`)
    case 'denied':
      return worded(outcome.code, [403, 'http_request_denied'], `${outcome.reason}\n${outcome.help}\n`)
    case 'failed':
      return worded(
        outcome.code,
        [502, 'proxy_internal_error'],
        TOLD.has(outcome.code) ? `${outcome.reason}\n${outcome.help}\n` : '',
      )
    case 'dry-run':
      return refusalOf(new ClonedError('GATE_FAULT', { cause: 'it was not run' }))
  }
}

function worded(code: string, usual: readonly [number, string], text: string): Refusal {
  const [status, error] = WIRE[code] ?? usual
  return { code, status, error, text }
}

/** The headers of a refusal. */
export function refusalHeaders({ code, error }: Refusal): Record<string, string> {
  return {
    'content-type': 'text/plain; charset=utf-8',
    'proxy-status': `cloned; error=${error}; details="${code}"`,
    connection: 'close',
  }
}

/** The whole message of a refusal, for a socket that no server writes to. */
export function refusalMessage(refusal: Refusal): string {
  const body = refusal.text || `${refusal.code}\n`
  const headers = { ...refusalHeaders(refusal), 'content-length': String(Buffer.byteLength(body)) }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  return [`HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}`, ...lines, '', body].join('\r\n')
}
