// Speaks with a server over Streamable HTTP, each request through the firewall; no connection of its own, none that outlives its request.
import { describeThrown, type JsonObject } from 'cloned/kernel'
import type { FetchInit, FetchResponse, Firewall } from '../firewall/slot.js'
import type { Agreed, Link, Via } from './link.js'
import { isObject, Peer, type PeerHandlers } from './peer.js'
import { EventReader } from './sse.js'

const MAX_BYTES = 32 * 1024 * 1024
const DEADLINE_MS = 24 * 3_600_000
const SESSION = /^[\x21-\x7e]{1,1024}$/

export interface HttpLinkParts {
  readonly url: string
  readonly connector: string
  readonly firewall: Pick<Firewall, 'fetch'>
  /** What to give to the firewall for the secrets of this server. */
  readonly secrets: (via: Via) => Pick<FetchInit, 'secrets' | 'bind'>
  readonly now: () => number
}

export function httpLink(parts: HttpLinkParts, handlers: Omit<PeerHandlers<Via>, 'broken'>): Link {
  let agreed: Agreed | undefined
  let session: string | undefined
  let tellEnd: (problem: string | undefined) => void
  const ended = new Promise<string | undefined>((resolve) => {
    tellEnd = resolve
  })
  const kill = (problem?: string) => {
    peer.close(new Error(problem ?? 'it was stopped'))
    tellEnd(problem)
  }
  const peer: Peer<Via> = new Peer<Via>(
    (message, via) => {
      post(message, via).catch((error: unknown) => peer.fail(message, errorOf(error)))
    },
    { ...handlers, broken: kill },
    parts.now,
  )

  async function post(message: JsonObject, via: Via | undefined): Promise<void> {
    if (!via) throw new Error('it belongs to no action')
    const take = (text: string) => {
      const said = parsed(text)
      for (const each of Array.isArray(said) ? said : [said]) peer.receive(each, via)
    }
    const events = new EventReader(MAX_BYTES, take)
    let streamed = false
    const response = await parts.firewall.fetch(via.ctx, parts.url, {
      method: 'POST',
      headers: headersOf(message, via),
      body: JSON.stringify(message),
      redirect: 'manual',
      maxBytes: MAX_BYTES,
      deadlineMs: DEADLINE_MS,
      connector: parts.connector,
      ...parts.secrets(via),
      onData(chunk, { type }) {
        if (!isEvents(type)) return
        streamed = true
        events.write(chunk)
      },
    })
    const id = response.headers.get('mcp-session-id')
    if (id !== null && message['method'] === 'initialize' && SESSION.test(id)) session = id
    if (isEvents(response.headers.get('content-type') ?? '')) {
      if (!streamed) events.write(response.bytes())
      events.end()
    } else if (response.text().trim() !== '') take(response.text())
    if (!peer.waits(message)) return
    if (response.status === 404 && session !== undefined) kill('its session is over')
    throw new Error(`it answered with status ${response.status}${hint(response)}`)
  }

  function headersOf(message: JsonObject, via: Via): Record<string, string> {
    const { method } = message
    const params = isObject(message['params']) ? message['params'] : {}
    const name = params['name'] ?? params['uri']
    return {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(agreed ? { 'mcp-protocol-version': agreed.version } : {}),
      ...(session === undefined ? {} : { 'mcp-session-id': session }),
      ...(agreed?.modern && typeof method === 'string' ? { 'mcp-method': method } : {}),
      ...(agreed?.modern && typeof name === 'string' ? { 'mcp-name': headerText(name) } : {}),
      ...via.headers,
    }
  }

  return {
    peer,
    separate: true,
    ended,
    agreed(what) {
      agreed = what
    },
    notify: (method, params, via) => post({ jsonrpc: '2.0', method, params }, via),
    kill,
    stop: async () => kill(),
  }
}

function isEvents(type: string): boolean {
  return /^text\/event-stream\b/i.test(type.trim())
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Pages of proxies and the like: no message.
    return undefined
  }
}

function hint({ status }: FetchResponse): string {
  return status === 401 || status === 403 ? ': look at the secret that it is sent' : ''
}

function errorOf(error: unknown): Error {
  return error instanceof Error ? error : new Error(describeThrown(error))
}

/** As the specification puts text into a header that not every header may hold. */
export function headerText(text: string): string {
  if (/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text) && !text.startsWith('=?base64?')) return text
  return `=?base64?${Buffer.from(text).toString('base64')}?=`
}

/** Headers that a tool's schema asks for beside its arguments (`x-mcp-header`). */
export function paramHeaders(schema: unknown, args: unknown): Record<string, string> {
  const properties = isObject(schema) && isObject(schema['properties']) ? schema['properties'] : {}
  const found: Record<string, string> = {}
  for (const [key, property] of Object.entries(properties)) {
    const value = isObject(args) && Object.hasOwn(args, key) ? args[key] : undefined
    if (!isObject(property) || value === undefined || value === null) continue
    const name = property['x-mcp-header']
    const plain = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    if (typeof name === 'string' && /^[A-Za-z0-9-]{1,64}$/.test(name) && plain) {
      found[`mcp-param-${name.toLowerCase()}`] = headerText(String(value))
    } else if (isObject(value)) Object.assign(found, paramHeaders(property, value))
  }
  return found
}
