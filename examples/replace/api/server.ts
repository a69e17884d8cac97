// Takes a request from its headers to its answer: from where, from whom, for what; what is not in order reaches no route.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { ClonedError, type JsonObject } from 'cloned/kernel'
import { assertScope, type Door, type Problem, problemOf } from 'cloned/plugins/api'
import { matched, type Route } from './routes.js'

const MAX_BODY = 1024 * 1024

/** Answers every request, whatever happens. */
export function answerer(routes: readonly Route[], door: Door): RequestListener {
  return async (request, response) => {
    const { status, body } = await answerTo(request, response, routes, door).catch(problemOf)
    response.writeHead(status, {
      'content-type': status < 400 ? 'application/json; charset=utf-8' : 'application/problem+json',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    })
    response.end(JSON.stringify(body))
  }
}

/** In this order: whoever proves nothing learns nothing, not even which routes there are, and nobody reads their body. */
async function answerTo(
  request: IncomingMessage,
  response: ServerResponse,
  routes: readonly Route[],
  door: Door,
): Promise<Problem> {
  door.site(request)
  const principal = await door.prove(request)
  const { route, id } = matched(routes, request)
  assertScope(principal, route.scope)
  const gone = new AbortController()
  response.on('close', () => void (response.writableFinished || gone.abort()))
  const body = route.body === undefined ? {} : await read(request)
  return route.answer({ id, body, actor: principal.actor, signal: gone.signal })
}

async function read(request: IncomingMessage): Promise<JsonObject> {
  const wrong = (problem: string) => new ClonedError('API_REQUEST', { problem })
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) throw wrong('its body is not JSON')
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of request as AsyncIterable<Buffer>) {
    size += piece.length
    if (size > MAX_BODY) throw wrong(`its body is larger than ${MAX_BODY} bytes`)
    pieces.push(piece)
  }
  try {
    return JSON.parse(Buffer.concat(pieces).toString('utf8')) as JsonObject
  } catch {
    throw wrong('its body is not JSON')
  }
}
