// Knows the revisions of MCP and what a request of the stateless one says of itself; must never guess a revision.
import type { JsonObject } from 'cloned/kernel'
import { CODES, isObject, objectIn, RpcError } from './rpc.js'

/** The revision without sessions: every request says who asks. */
export const MODERN = '2026-07-28'
/** Revisions with a handshake, newest first. */
export const LEGACY: readonly string[] = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05']

/** Members of `_meta` by which requests, results and notifications of {@link MODERN} say what sessions used to keep. */
export const META = {
  version: 'io.modelcontextprotocol/protocolVersion',
  client: 'io.modelcontextprotocol/clientInfo',
  capabilities: 'io.modelcontextprotocol/clientCapabilities',
  logLevel: 'io.modelcontextprotocol/logLevel',
  server: 'io.modelcontextprotocol/serverInfo',
  subscription: 'io.modelcontextprotocol/subscriptionId',
  authorization: 'io.modelcontextprotocol/authorization',
} as const

export const TASKS = 'io.modelcontextprotocol/tasks'
export const SKILLS = 'io.modelcontextprotocol/skills'

/** What a client says of itself. */
export interface ClientAbout {
  readonly version: string
  readonly capabilities: JsonObject
  /** Its name, a claim. */
  readonly name: string | undefined
}

/** Whether the request says that it belongs to a revision without sessions. */
export function saysVersion(params: JsonObject | undefined): boolean {
  return META.version in objectIn(params, '_meta')
}

/** What a request of {@link MODERN} says of its client. Throws -32602 and -32022. */
export function aboutClient(params: JsonObject): ClientAbout {
  const meta = params['_meta']
  if (!isObject(meta)) throw new RpcError(CODES.invalidParams, 'Invalid params: "_meta" is missing')
  const version = meta[META.version]
  const capabilities = meta[META.capabilities]
  if (typeof version !== 'string') {
    throw new RpcError(CODES.invalidParams, `Invalid params: "_meta" says no "${META.version}"`)
  }
  if (version !== MODERN) throw unsupported(version)
  if (!isObject(capabilities)) {
    throw new RpcError(CODES.invalidParams, `Invalid params: "_meta" says no "${META.capabilities}"`)
  }
  return { version, capabilities: capabilities as JsonObject, name: nameIn(meta[META.client]) }
}

/** What `initialize` says of the client, with the revision to speak: the one it asks for where it is known. */
export function agreed(params: JsonObject): ClientAbout {
  const asked = params['protocolVersion']
  const version = typeof asked === 'string' && LEGACY.includes(asked) ? asked : (LEGACY[0] as string)
  return { version, capabilities: objectIn(params, 'capabilities'), name: nameIn(params['clientInfo']) }
}

export function unsupported(requested: string): RpcError {
  const data = { supported: [MODERN], requested }
  return new RpcError(CODES.unsupportedVersion, `Unsupported protocol version: ${requested.slice(0, 50)}`, data)
}

function nameIn(info: unknown): string | undefined {
  return isObject(info) && typeof info['name'] === 'string' ? info['name'] : undefined
}

/** What a client must have declared to be asked this; `undefined` for what no client may be asked. */
export function neededFor(method: string, params: unknown): JsonObject | undefined {
  switch (method) {
    case 'elicitation/create':
      return isObject(params) && params['mode'] === 'url' ? { elicitation: { url: {} } } : { elicitation: {} }
    case 'sampling/createMessage':
      return { sampling: {} }
    case 'roots/list':
      return { roots: {} }
    default:
      return undefined
  }
}

/** Whether the capabilities hold every member that is needed. */
export function declares(capabilities: JsonObject, needed: JsonObject): boolean {
  return Object.entries(needed).every(
    ([name, inner]) => isObject(capabilities[name]) && declares(capabilities[name] as JsonObject, inner as JsonObject),
  )
}
