// Serves one request for a whole http: URL: read to its end, made anew by the firewall, answered whole; nothing is piped.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { ClonedError, isClonedError } from 'cloned/kernel'
import type { FetchResponse } from '../firewall/slot.js'
import type { DoorParts } from './door.js'
import { type Head, readRequest } from './head.js'
import { type Refusal, refusalHeaders, refusalOf } from './refusal.js'

const MAX_BODY = 10 * 1000 * 1000
/** What belongs to this connection, or what a client says for itself and the firewall says anew. The rest is for it to judge. */
const OF_THE_HOP = new Set([
  'accept-encoding',
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'transfer-encoding',
])
const BODILESS = new Set([204, 304])
/** What the server said to us, and what no longer holds for a body that is decoded. */
const OF_THE_OTHER_HOP = new Set([
  'alt-svc',
  'connection',
  'content-encoding',
  'content-length',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-connection',
  'proxy-status',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Resolves when the answer is handed over. */
export async function servePlain(door: DoorParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { whose, governed, firewall, records, signal } = door
  let head: Head
  let body: Buffer
  try {
    head = readRequest(request, firewall.read, whose.connector)
    body = await readBody(request, whose.connector)
  } catch (error) {
    if (!isClonedError(error)) throw error
    records.refused(error)
    return refusePlain(response, refusalOf(error))
  }
  const { target, url, headers } = head
  const sent = Object.fromEntries([...headers].filter(([name]) => !OF_THE_HOP.has(name)))
  const content = body.length > 0 ? { headers: sent, body } : { headers: sent }
  const startedAt = performance.now()
  const answer = await governed.fetch(
    whose,
    { method: request.method ?? '', url, origin: target.origin, ...content },
    signal,
  )
  if ('refusal' in answer) return refusePlain(response, answer.refusal)
  const bytesDown = relay(answer.value, request.method === 'HEAD', response)
  records.ended({
    callId: answer.callId,
    target: target.origin,
    bytesUp: body.length,
    bytesDown,
    ms: performance.now() - startedAt,
    code: undefined,
  })
}

export function refusePlain(response: ServerResponse, refusal: Refusal): void {
  response.writeHead(refusal.status, refusalHeaders(refusal))
  response.end(refusal.text || `${refusal.code}\n`)
}

/** Answers the size of the body. */
function relay(found: FetchResponse, headOnly: boolean, response: ServerResponse): number {
  const { status, headers } = found
  const kept = [...headers].filter(([name]) => !OF_THE_OTHER_HOP.has(name) && name !== 'set-cookie')
  for (const [name, value] of kept) response.setHeader(name, value)
  const cookies = headers.getSetCookie()
  if (cookies.length > 0) response.setHeader('set-cookie', cookies)
  const body = found.bytes()
  const length = headOnly && !headers.has('content-encoding') ? headers.get('content-length') : String(body.length)
  if (length !== null && !BODILESS.has(status)) response.setHeader('content-length', length)
  response.setHeader('connection', 'close')
  response.writeHead(status)
  response.end(body)
  return body.length
}

async function readBody(request: IncomingMessage, connector: string): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    // Without this, leaving the loop closes the connection before it could be told why.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > MAX_BODY) break
      chunks.push(chunk)
    }
  } catch (cause) {
    throw new ClonedError('EGRESS_PROXY_REQUEST', { connector, problem: 'its body breaks off' }, { cause })
  }
  if (size <= MAX_BODY) return Buffer.concat(chunks)
  throw new ClonedError('EGRESS_PROXY_REQUEST', { connector, problem: `its body has more than ${MAX_BODY} bytes` })
}
