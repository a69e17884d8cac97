// Makes what is sent out of what a caller asked for; must never let a caller frame, route or relay the message itself.
import { ClonedError } from 'cloned/kernel'
import type { FetchInit } from './slot.js'

/** A request without its address. Header names are lower case. */
export interface Outgoing {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer | undefined
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]{1,256}$/
// No control character but the tab, and nothing above Latin-1: those have no one encoding on the wire.
const VALUE = /^[\t\u0020-\u007e\u0080-\u00ff]*$/
const MAX_HEADERS = 100
const MAX_HEADER_BYTES = 32 * 1024

/** Framing, routing, relaying, and what turns one method into another behind the back of a rule. */
const OURS = new Set([
  'accept-encoding',
  'alt-svc',
  'connection',
  'content-length',
  'date',
  'expect',
  'forwarded',
  'host',
  'http2-settings',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'via',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  'x-original-url',
  'x-real-ip',
  'x-rewrite-url',
])
const OURS_PREFIX = /^(?:proxy-|sec-|x-forwarded-)/

/** All that a redirect to another origin keeps: what says how to answer, and nothing that says who asks. */
const KEPT = new Set(['accept', 'accept-language', 'user-agent'])

/** Throws `EGRESS_REQUEST`. */
export function outgoing({ method = 'GET', headers = {}, body }: FetchInit, host: string): Outgoing {
  const checked = outgoingHeaders(headers, host)
  const bytes = body === undefined ? undefined : Buffer.from(body)
  if (bytes && (method === 'GET' || method === 'HEAD')) {
    throw refused(host, `${method} has a body`, 'leave the body out, or use POST')
  }
  return {
    method,
    headers: { 'user-agent': 'cloned', accept: '*/*', ...checked, 'accept-encoding': 'gzip, br' },
    body: bytes,
  }
}

/** Checks headers of the caller's. Throws `EGRESS_REQUEST`, which never repeats a value: it may be a secret. */
export function outgoingHeaders(headers: Readonly<Record<string, string>>, host: string): Record<string, string> {
  const entries = Object.entries(headers)
  const checked: Record<string, string> = {}
  let bytes = 0
  for (const [given, value] of entries) {
    const name = given.toLowerCase()
    if (!TOKEN.test(name)) throw refused(host, `"${name.slice(0, 40)}" is no header name`, 'use letters, digits and -')
    if (OURS.has(name) || OURS_PREFIX.test(name))
      throw refused(host, `header ${name} is not the caller's`, 'leave it out')
    if (Object.hasOwn(checked, name)) throw refused(host, `header ${name} is given twice`, 'give it once')
    if (typeof value !== 'string' || !VALUE.test(value)) {
      throw refused(host, `header ${name} has a character that no header has`, 'leave out line breaks')
    }
    checked[name] = value
    bytes += name.length + value.length
  }
  if (entries.length > MAX_HEADERS || bytes > MAX_HEADER_BYTES) {
    throw refused(host, `the headers are more than ${MAX_HEADERS} or ${MAX_HEADER_BYTES} bytes`, 'send fewer')
  }
  return checked
}

/** What is left of the headers at another origin. */
export function strangersHeaders(headers: Outgoing['headers']): Outgoing['headers'] {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => KEPT.has(name) || name === 'accept-encoding'))
}

function refused(host: string, problem: string, next: string): ClonedError {
  return new ClonedError('EGRESS_REQUEST', { host, problem, next })
}
