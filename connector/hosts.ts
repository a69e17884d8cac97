// Decides whether a host is one that a tool declares, for hosts and for tests alike; both sides come in their one spelling.

/** `api.example.com`, or with `:port` where it is not 443. */
export function hostOf(url: string): string {
  const { hostname, port, protocol } = new URL(url)
  const number = port === '' ? (protocol === 'https:' ? '443' : '80') : port
  const host = hostname.replace(/\.$/, '')
  return number === '443' ? host : `${host}:${number}`
}

/** `*.example.com` is for exactly one label more. */
export function declares(patterns: readonly string[], host: string): boolean {
  return patterns.some((pattern) => {
    if (!pattern.startsWith('*.')) return pattern === host
    return host.indexOf('.') > 0 && host.slice(host.indexOf('.') + 1) === pattern.slice(2)
  })
}
