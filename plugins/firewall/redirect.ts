// Says where a redirect leads and what goes along; must never take a body, a secret or an identity to another origin.
import { ClonedError } from 'cloned/kernel'
import { type Outgoing, strangersHeaders } from './request.js'
import { parseTarget, type Target } from './target.js'

/** The next request. */
export interface Hop {
  readonly target: Target
  readonly request: Outgoing
}

export const MAX_REDIRECTS = 5
const REDIRECTS = new Set([301, 302, 303, 307, 308])
const UNCLEAR = /[\p{Cc} \\]/u

export function isRedirect(status: number): boolean {
  return REDIRECTS.has(status)
}

/** Reads a redirect. Throws `EGRESS_REDIRECT`. `secret`: one was bound into the request that is answered. */
export function nextHop(
  { target, request }: Hop,
  status: number,
  location: string | readonly string[] | undefined,
  secret: boolean,
): Hop {
  const refused = (problem: string) => new ClonedError('EGRESS_REDIRECT', { host: target.host.text, problem })
  if (typeof location !== 'string') throw refused('it does not say where to, or says it more than once')
  if (UNCLEAR.test(location) || !URL.canParse(location, target.href)) throw refused('where it leads is not clear')
  // A parser that resolves also repairs; a host that is named has to be clear by itself.
  const named = location.startsWith('//') ? `${target.scheme}:${location}` : location
  const next = parseTarget(/^[a-z][a-z0-9+.-]*:/i.test(named) ? named : new URL(location, target.href).href)
  if ('refused' in next) throw refused(next.reason)
  if (target.scheme === 'https' && next.scheme === 'http') throw refused('it leads from https to http')
  const changed = rewritten(request, status)
  if (next.origin === target.origin) return { target: next, request: changed }
  if (secret) throw refused('the request has a secret, and it leads to another origin')
  if (changed.body) throw refused('it would take the body to another origin')
  return { target: next, request: { ...changed, headers: strangersHeaders(changed.headers) } }
}

/** Fetch standard, HTTP-redirect fetch: 303 always, 301 and 302 after POST, go on as GET without the body. */
function rewritten(request: Outgoing, status: number): Outgoing {
  const { method, headers } = request
  const toGet = status === 303 ? method !== 'HEAD' && method !== 'GET' : status < 303 && method === 'POST'
  if (!toGet) return request
  const kept = Object.entries(headers).filter(([name]) => !name.startsWith('content-'))
  return { method: 'GET', headers: Object.fromEntries(kept), body: undefined }
}
