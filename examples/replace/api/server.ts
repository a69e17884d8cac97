// Takes a request from its headers to its answer: from where, from whom, for what; what is not in order reaches no route.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { ClonedError, type JsonObject } from 'cloned/kernel'
import { type Authenticator, type Lockout, type Principal, type Problem, problemOf } from 'cloned/plugins/api'
import type { Answerer, Door } from './doors.js'
import { matched, type Route } from './routes.js'

const MAX_BODY = 1024 * 1024

export interface AnswererParts {
  readonly routes: readonly Route[]
  readonly door: Door
  readonly schemes: () => readonly Authenticator[]
  readonly lockout: Lockout
  readonly byToken: (token: string) => Principal | undefined
}

export function createAnswerer(parts: AnswererParts): Answerer {
  return async (request, response) => {
    let answer: Problem
    try {
      answer = await answerTo(request, response, parts)
    } catch (error) {
      answer = problemOf(error)
    }
    const { status, body } = answer
    response.writeHead(status, {
      'content-type': status < 400 ? 'application/json; charset=utf-8' : 'application/problem+json',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    })
    response.end(JSON.stringify(body))
  }
}

async function answerTo(request: IncomingMessage, response: ServerResponse, parts: AnswererParts): Promise<Problem> {
  mustBeOurs(request, parts.door)
  const { pathname } = new URL(request.url ?? '', 'http://localhost')
  const found = matched(parts.routes, request.method ?? '', pathname)
  const scope = found?.route.scope
  const principal = found && scope === undefined ? undefined : await proven(request, parts)
  if (!found) throw new ClonedError('API_NOT_FOUND', {})
  if (scope !== undefined && !principal?.scopes.has(scope) && !principal?.scopes.has('*'))
    throw new ClonedError('API_SCOPE', { scope })
  const gone = new AbortController()
  response.on('close', () => void (response.writableFinished || gone.abort()))
  const body = found.route.body === undefined ? {} : await read(request)
  return found.route.answer({ id: found.id, body, principal, signal: gone.signal })
}

/** A page of another site gets nothing: not by its own name, and not by one that it points at this address. */
function mustBeOurs({ url = '', headers, rawHeaders }: IncomingMessage, { hosts }: Door): void {
  if (!url.startsWith('/')) throw new ClonedError('API_REQUEST', { problem: 'its target is no path' })
  const known = hosts()
  if (!known) return
  const { host = '', origin, 'sec-fetch-site': site = 'none' } = headers
  const named = rawHeaders.filter((text, i) => i % 2 === 0 && text.toLowerCase() === 'host').length
  if (named !== 1 || !known.has(host.toLowerCase())) throw new ClonedError('API_HOST', { host })
  if (origin !== undefined || !['none', 'same-origin'].includes(String(site)))
    throw new ClonedError('API_ORIGIN', { origin: origin?.slice(0, 200) ?? 'another site' })
}

/** The owner's own proof is looked at first: nobody who guesses can keep the owner out. */
async function proven(
  request: IncomingMessage,
  { door, schemes, lockout, byToken }: AnswererParts,
): Promise<Principal> {
  const { authorization = '', host = '' } = request.headers
  const [, scheme = '', credentials = ''] = /^([A-Za-z][\w-]*) +(\S+)$/.exec(authorization) ?? []
  const owner = door.given ?? (scheme.toLowerCase() === 'bearer' ? byToken(credentials) : undefined)
  if (owner) return named(owner)
  const client = request.socket.remoteAddress ?? ''
  lockout.assertOpen(client)
  const asked = {
    method: request.method ?? '',
    url: `${door.origin(host)}${request.url}`,
    headers: request.headers,
    credentials,
  }
  for (const one of schemes()) {
    const principal = one.scheme.toLowerCase() === scheme.toLowerCase() ? await one.authenticate(asked) : undefined
    if (!principal) continue
    lockout.succeeded(client)
    return named(principal)
  }
  if (authorization !== '') lockout.failed(client)
  throw new ClonedError('API_UNAUTHENTICATED', {})
}

/** Whoever is no user of this machine is told from others by their id. */
function named(principal: Principal): Principal {
  const { actor } = principal
  return actor.osUser === '' ? { ...principal, actor: { ...actor, osUser: actor.id } } : principal
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
