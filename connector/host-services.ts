// Gives a running tool what it may use of the host; must not offer a way around it.
import type { FetchOptions, ToolContext } from './define.js'
import type { ArtifactResult, FetchParams, FetchResult } from './protocol.js'

/** How a worker reaches its host. */
export interface HostServices {
  request(method: string, params: unknown): Promise<unknown>
  notify(method: string, params: unknown): void
}

/** Statuses whose responses have no body, by the Fetch standard. */
const BODILESS = new Set([101, 103, 204, 205, 304])

/** The context of one call. */
export function contextOf(callId: string, abort: { readonly signal: AbortSignal }, host: HostServices): ToolContext {
  return {
    callId,
    get signal() {
      return abort.signal
    },
    progress: (message) => host.notify('progress', { call_id: callId, message }),
    log: (level, message) => host.notify('log', { level, message }),
    async artifact({ filename, content, mediaType }) {
      const params = {
        call_id: callId,
        filename,
        content,
        ...(mediaType === undefined ? {} : { media_type: mediaType }),
      }
      return (await host.request('artifact', params)) as ArtifactResult
    },
    async fetch(url, init = {}) {
      return responseOf((await host.request('fetch', fetchParams(callId, String(url), init))) as FetchResult)
    },
  }
}

function fetchParams(call_id: string, url: string, init: FetchOptions): FetchParams {
  const { body, maxBytes, timeoutMs, ...rest } = init
  const written =
    body === undefined
      ? {}
      : typeof body === 'string'
        ? { body }
        : { body: Buffer.from(body).toString('base64'), encoding: 'base64' as const }
  return {
    call_id,
    url,
    ...rest,
    ...written,
    ...(maxBytes === undefined ? {} : { max_bytes: maxBytes }),
    ...(timeoutMs === undefined ? {} : { timeout_ms: timeoutMs }),
  }
}

function responseOf({ status, url, redirected, headers, body, encoding }: FetchResult): Response {
  const bytes = Buffer.from(body, encoding)
  const response = new Response(BODILESS.has(status) ? null : bytes, {
    status,
    headers: headers.map(([name, value]): [string, string] => [name, value]),
  })
  // The constructor has no place for them.
  return Object.defineProperties(response, { url: { value: url }, redirected: { value: redirected } })
}
