// Decides whether a host is one of those that a secret is for; a host that is not in canonical form must never match.

/** No user, path or escape can stand here, whatever a URL parser would make of it. */
const CHARACTERS = /^[a-z0-9.:[\]_-]{1,260}$/

/** Whether this is a host, with a port unless it is 443, just as the URL standard writes it. */
export function isCanonicalHost(host: string): boolean {
  return CHARACTERS.test(host) && !/(^|\.)(\.|:|$)/.test(host) && written(host) === host
}

/** The canonical form of what a person wrote as the host of a scope; `undefined` when it is none. */
export function hostPattern(text: string): string | undefined {
  const wildcard = text.startsWith('*.')
  const rest = wildcard ? text.slice(2) : text
  // Only what IDNA maps may change here: "example.com/" or "user@example.com" would otherwise become another host.
  if (/[\s/\\@?#%*]/.test(rest)) return undefined
  const host = written(rest)
  if (host === undefined || !isCanonicalHost(host)) return undefined
  if (!wildcard) return host
  const name = host.replace(/:\d+$/, '')
  // "*.com" would be half the internet, and "*.1.2.3" is no name at all.
  return name.includes('.') && !/[\d\]]$/.test(name) ? `*.${host}` : undefined
}

/**
 * `*.example.com` stands for names under it, at any depth, and not for itself. Ports are equal or nothing matches. The
 * patterns must come from {@link hostPattern}.
 */
export function hostMatches(patterns: readonly string[], host: string): boolean {
  // Patterns without a star are canonical themselves, so what equals one needs no parsing.
  if (!host.startsWith('*') && patterns.includes(host)) return true
  if (!patterns.some((pattern) => pattern.startsWith('*.') && host.endsWith(pattern.slice(1)))) return false
  return isCanonicalHost(host)
}

/** Whether it is the machine itself, by address and never by a name that somebody resolves. */
export function isLoopback(host: string): boolean {
  return isCanonicalHost(host) && /^(127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(host)
}

function written(host: string): string | undefined {
  try {
    return new URL(`https://${host}/`).host
  } catch {
    // It is no host: that is the answer.
    return undefined
  }
}
