// Carries one request over a connection of its own to an address that was vetted; must hold no more of the answer than was asked for.
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { ClonedError, describeThrown, isClonedError } from 'cloned/kernel'
import type { Bound, Target } from 'cloned/plugins/firewall'

/** What came back, not yet decoded. */
export interface Received {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** `address` is where it is sent, whatever the name of the host. Rejects with the reason of `signal`, and `EGRESS_` codes. */
export async function exchange(
  { scheme, host, port }: Target,
  { method, path, headers, body }: Bound,
  { address, maxBytes, signal }: { readonly address: string; readonly maxBytes: number; readonly signal: AbortSignal },
): Promise<Received> {
  const failed = (error: unknown) => {
    if (signal.aborted) return signal.reason as Error
    if (isClonedError(error)) return error
    const cause = (error as NodeJS.ErrnoException).code ?? describeThrown(error)
    return new ClonedError('EGRESS_FAILED', { host: host.text, cause }, { cause: error })
  }
  const refused = (problem: string) => new ClonedError('EGRESS_RESPONSE', { host: host.text, problem })
  const usual = port === (scheme === 'https' ? 443 : 80)
  return await new Promise<Received>((resolve, reject) => {
    const sending = (scheme === 'https' ? httpsRequest : httpRequest)({
      host: address,
      port,
      method,
      path,
      headers: { ...headers, host: usual ? host.text : `${host.text}:${port}` },
      // The name that the certificate has to have; an address is no name.
      servername: host.address ? '' : host.text,
      // No connection serves a second grant.
      agent: false,
      signal,
    })
    const end = (error: unknown) => {
      reject(failed(error))
      sending.destroy()
    }
    sending.on('error', end)
    sending.on('upgrade', () => end(refused('it changes the protocol')))
    sending.on('response', (response) => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > maxBytes) end(refused(`it is larger than ${maxBytes} bytes`))
        else chunks.push(chunk)
      })
      response.on('error', end)
      response.on('end', () => {
        const { statusCode: status = 0, headers } = response
        if (response.complete) resolve({ status, headers, body: Buffer.concat(chunks) })
        else end(new Error('the response was cut short'))
      })
    })
    sending.end(body)
  })
}
