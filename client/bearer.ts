// Proves the owner by the local token; the token goes into one header, and to nobody who cannot prove to know it already.

import { base64url } from './base64url.js'
import type { Authorize } from './index.js'

/** Whoever answers at the address is not the server that the token is of. The token was not sent. */
export class ServerError extends Error {
  override readonly name = 'ServerError'

  constructor(origin: string) {
    super(
      `whoever answers at ${origin} does not know the token, which was not sent; start the server anew (cloned serve) and read .cloned/api.json again`,
    )
  }
}

/**
 * The token in the file that `.cloned/api.json` names; use the address in there as it stands. That file outlives a server
 * that was killed, and the port may be another program's by now: over plain HTTP the server proves before each request that
 * it knows the token. A request rejects with {@link ServerError} where it does not. Over TLS the certificate is the proof.
 */
export function bearer(token: string): Authorize {
  return async (request, { base, fetch }) => {
    const { origin, protocol } = new URL(request.url)
    if (protocol !== 'https:') {
      const challenge = base64url(crypto.getRandomValues(new Uint8Array(32)))
      const answer = await fetch(`${base}/healthz?challenge=${challenge}`, {
        redirect: 'error',
        signal: request.signal,
      })
      const { proof } = (await answer.json().catch(() => ({}))) as { readonly proof?: unknown }
      if (proof !== (await proofOf(token, origin, challenge))) throw new ServerError(origin)
    }
    request.headers.set('authorization', `Bearer ${token}`)
    return request
  }
}

async function proofOf(token: string, origin: string, challenge: string): Promise<string> {
  const bytes = (text: string) => new TextEncoder().encode(text)
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const key = await crypto.subtle.importKey('raw', bytes(token), algorithm, false, ['sign'])
  const said = `cloned.api.server.v1\n${origin}\n${challenge}`
  return base64url(await crypto.subtle.sign('HMAC', key, bytes(said)))
}
