// Publishes the contract of the tool that fetches URLs; a published contract never changes.
import { defineTool, fail, type HandlerContext, HandlerError, isClonedError, type Tool } from 'cloned/kernel'
import { type FetchInit, type FetchResponse, type Firewall, neverSent } from './slot.js'

interface FetchInput {
  readonly url: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly redirect?: 'follow' | 'manual'
  readonly max_bytes?: number
  readonly timeout_ms?: number
}

const MAX_BYTES = 5 * 1000 * 1000
const MAX_MS = 120_000

export const FETCH_TOOL = 'cloned.internal.http.fetch@v1'

export function fetchTool(fetch: Firewall['fetch']): Tool {
  return defineTool<FetchInput>({
    id: FETCH_TOOL,
    title: 'Fetch a URL',
    description:
      'Makes one HTTP request to a host that the egress rules of the policy allow, and answers with the response.',
    input: {
      type: 'object',
      properties: {
        url: { type: 'string', minLength: 1, maxLength: 16384, description: 'Absolute, http or https.' },
        method: { enum: ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'], description: 'Default: GET.' },
        headers: {
          type: 'object',
          maxProperties: 100,
          additionalProperties: { type: 'string', maxLength: 8192 },
          description: 'Without those that frame or route the message: host, content-length, connection and the like.',
        },
        body: { type: 'string', maxLength: 5000000, description: 'Sent as UTF-8. Not with GET or HEAD.' },
        redirect: {
          enum: ['follow', 'manual'],
          description: 'follow (default): at most 5, each by the rules. manual: the redirect is the answer.',
        },
        max_bytes: { type: 'integer', minimum: 1, maximum: MAX_BYTES, description: 'Of the body. Default: 1000000.' },
        timeout_ms: { type: 'integer', minimum: 1, maximum: MAX_MS, description: 'For everything. Default: 30000.' },
      },
      required: ['url'],
      additionalProperties: false,
    },
    output: {
      type: 'object',
      properties: {
        status: { type: 'integer', minimum: 100, maximum: 999 },
        url: { type: 'string', description: 'Where the response came from, after redirects.' },
        headers: {
          type: 'object',
          additionalProperties: { type: 'string' },
          description: 'Names in lower case, without set-cookie.',
        },
        body: { type: 'string' },
        encoding: { enum: ['utf8', 'base64'], description: 'How the body stands here; base64 for what is not UTF-8.' },
      },
      required: ['status', 'url', 'headers', 'body', 'encoding'],
      additionalProperties: false,
    },
    risk: 'medium',
    capability: 'net.fetch',
    timeoutMs: MAX_MS + 10_000,
    async handler({ url, max_bytes = 1_000_000, timeout_ms = 30_000, ...rest }, ctx) {
      const response = await send(fetch, ctx, url, { ...rest, maxBytes: max_bytes, deadlineMs: timeout_ms })
      return {
        status: response.status,
        url: response.url,
        headers: Object.fromEntries([...response.headers].filter(([name]) => name !== 'set-cookie')),
        ...text(response),
      }
    },
  })
}

async function send(
  fetch: Firewall['fetch'],
  ctx: HandlerContext,
  url: string,
  init: FetchInit,
): Promise<FetchResponse> {
  try {
    return await fetch(ctx, url, init)
  } catch (error) {
    if (!isClonedError(error)) throw error
    const { code, help, message } = error
    if (neverSent(code)) throw fail(message, { code, help })
    throw new HandlerError(message, { code, help, effect: 'unknown' })
  }
}

function text(response: FetchResponse): { body: string; encoding: 'utf8' | 'base64' } {
  const bytes = response.bytes()
  try {
    return { body: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes), encoding: 'utf8' }
  } catch {
    return { body: Buffer.from(bytes).toString('base64'), encoding: 'base64' }
  }
}
