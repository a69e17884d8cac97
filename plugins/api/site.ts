// Refuses what comes from the wrong place: a Host that is not ours, an Origin that the policy does not name; asks nobody who they are.
import type { IncomingMessage } from 'node:http'
import { ClonedError } from 'cloned/kernel'

export interface SiteOptions {
  /** Lower-case `Host` headers that are answered. */
  readonly hosts: () => ReadonlySet<string>
  /** Origins whose pages may use the API. */
  readonly origins: () => readonly string[]
}

/**
 * The origin whose page asks, one of those that the policy names; `undefined` when it is no page of another origin. A page of
 * another site gets nothing: not by its own name, and not by a name that it points at this address.
 */
export function siteOf(request: IncomingMessage, { hosts, origins }: SiteOptions): string | undefined {
  // A whole URL there names a host of its own, beside the one that is judged here.
  if (!/^[/*]/.test(request.url ?? '')) throw new ClonedError('API_REQUEST', { problem: 'its target is no path' })
  const { host, origin } = request.headers
  if (hostHeaders(request) > 1) throw new ClonedError('API_HOST', { host: 'of several Host headers' })
  if (host === undefined || !hosts().has(host.toLowerCase())) throw new ClonedError('API_HOST', { host: host ?? '' })
  if (origin === undefined) {
    if (isForeign(request)) throw new ClonedError('API_ORIGIN', { origin: 'another site' })
    return undefined
  }
  if (!origins().includes(origin)) throw new ClonedError('API_ORIGIN', { origin: origin.slice(0, 200) })
  return origin
}

/** Node reads the first; a proxy in front may have judged another. */
function hostHeaders({ rawHeaders }: IncomingMessage): number {
  return rawHeaders.filter((text, at) => at % 2 === 0 && text.toLowerCase() === 'host').length
}

/**
 * Browsers name no origin where a page wants an image or sends a request without looking at the answer; they do say that the
 * request is of another site (Fetch Metadata). A page may link here, and that is all.
 */
function isForeign({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site']
  if (site !== 'cross-site' && site !== 'same-site') return false
  return headers['sec-fetch-mode'] !== 'navigate' || headers['sec-fetch-dest'] !== 'document'
}
