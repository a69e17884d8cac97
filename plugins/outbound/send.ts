// Sends requests of plugins over a `fetch`; what a request carries must never reach another host, nor an open wire.
import { ClonedError } from 'cloned/kernel'
import type { Outbound, OutboundRequest } from './slot.js'

const TIMEOUT_MS = 10_000
const MAX_BYTES = 1024 * 1024
const LOOPBACK = /^(127(\.\d{1,3}){3}|\[::1\]|localhost)$/

export function createOutbound(fetch: typeof globalThis.fetch): Outbound {
  return {
    async send(request) {
      const { method, headers = {}, body, timeoutMs = TIMEOUT_MS, maxBytes = MAX_BYTES } = request
      const url = checkedUrl(request)
      try {
        const signal = AbortSignal.timeout(timeoutMs)
        const init = { method, headers, signal, redirect: 'manual', cache: 'no-store', credentials: 'omit' } as const
        const response = await fetch(url, body === undefined ? init : { ...init, body })
        return { status: response.status, body: await readBody(response, maxBytes) }
      } catch (error) {
        throw new ClonedError('OUTBOUND_FAILED', { host: url.host, problem: problemOf(error) })
      }
    },
  }
}

function checkedUrl({ url: text }: OutboundRequest): URL {
  const refused = (host: string, problem: string) => new ClonedError('OUTBOUND_REFUSED', { host, problem })
  if (!URL.canParse(text)) throw refused('an unknown host', 'its URL cannot be read')
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') throw refused(url.host, 'its URL holds a user or a password')
  const open = url.protocol === 'http:' && LOOPBACK.test(url.hostname)
  if (url.protocol !== 'https:' && !open) throw refused(url.host, 'its URL is not https')
  return url
}

async function readBody(response: Response, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += (chunk as Uint8Array).length
    if (size > maxBytes) throw new TooLarge(`its answer is larger than ${maxBytes} bytes`)
    chunks.push(chunk as Uint8Array)
  }
  return Buffer.concat(chunks)
}

class TooLarge extends Error {}

/** Not the message of what `fetch` throws: it may quote the URL or a header. */
function problemOf(error: unknown): string {
  if (error instanceof TooLarge) return error.message
  if (error instanceof DOMException && error.name === 'TimeoutError') return 'there was no whole answer in time'
  const { code } = ((error as { cause?: unknown } | null)?.cause ?? {}) as { code?: unknown }
  return typeof code === 'string' ? code : 'the connection failed'
}
