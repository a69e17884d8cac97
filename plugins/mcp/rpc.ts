// Reads JSON-RPC messages of MCP clients and words answers; what is not exactly one message must never be taken for one.
import type { JsonObject } from 'cloned/kernel'

/** What a client calls its request. */
export type RequestId = string | number

/** A message of a client, of which only the form was checked. */
export interface Incoming {
  readonly id?: RequestId
  readonly method?: string
  readonly params?: JsonObject
  readonly result?: JsonObject
  readonly error?: { readonly code: number; readonly message: string; readonly data?: JsonObject }
}

/** A message that asks for something. */
export type Request = Incoming & { readonly method: string; readonly params: JsonObject }

/** Error codes of JSON-RPC 2.0 and of MCP. */
export const CODES = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  /** What a client before 2026-07-28 knows an unknown resource by. */
  resourceNotFound: -32002,
  headerMismatch: -32020,
  missingCapability: -32021,
  unsupportedVersion: -32022,
} as const

/** An answer that is an error. Its text goes to the client as it is. */
export class RpcError extends Error {
  override readonly name = 'RpcError'
  readonly code: number
  readonly data: unknown

  constructor(code: number, message: string, data?: unknown) {
    super(message)
    this.code = code
    this.data = data
  }
}

/** Throws an {@link RpcError} for what is no message. */
export function incoming(value: unknown): Incoming {
  if (!isObject(value) || value['jsonrpc'] !== '2.0') throw invalid('it is not a message of JSON-RPC 2.0')
  const { id, method, params } = value
  if (id !== undefined && typeof id !== 'string' && !Number.isSafeInteger(id)) {
    throw invalid('its id is neither a text nor a whole number')
  }
  if (method === undefined) {
    if (id === undefined || 'result' in value === 'error' in value) throw invalid('it is neither request nor answer')
    return value as Incoming
  }
  if (typeof method !== 'string') throw invalid('its method is not a text')
  if (params !== undefined && !isObject(params)) throw invalid('its params are not an object')
  return { ...(value as Incoming), params: (params ?? {}) as JsonObject }
}

/** The text of an answer; `id` is null where the request's could not be read. */
export function answerText(id: RequestId | null, answer: { result: JsonObject } | { error: RpcError }): string {
  return JSON.stringify(
    'result' in answer
      ? { jsonrpc: '2.0', id, result: answer.result }
      : { jsonrpc: '2.0', id, error: errorOf(answer.error) },
  )
}

function errorOf({ code, message, data }: RpcError) {
  return { code, message, ...(data === undefined ? {} : { data }) }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A member that is a plain object, or an empty one. */
export function objectIn(params: JsonObject | undefined, name: string): JsonObject {
  const value = params?.[name]
  return isObject(value) ? (value as JsonObject) : {}
}

/** A member that has to be a text. Throws -32602. */
export function textIn(params: JsonObject, name: string): string {
  const value = params[name]
  if (typeof value === 'string') return value
  throw new RpcError(CODES.invalidParams, `Invalid params: "${name}" must be a text`)
}

function invalid(problem: string): RpcError {
  return new RpcError(CODES.invalidRequest, `Invalid request: ${problem}`)
}
