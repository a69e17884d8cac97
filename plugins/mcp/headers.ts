// Compares what HTTP headers say of a request with what its body says; a request that says two things is not served.
import type { JsonObject } from 'cloned/kernel'
import { META } from './eras.js'
import { type HttpRequest, header } from './http-types.js'
import { CODES, isObject, objectIn, type Request, RpcError } from './rpc.js'

/** Where the body has the name that `Mcp-Name` repeats. */
const NAMED: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
}

/** Throws -32020 unless version, method and name of the body stand in the headers too. */
export function mustAgree(request: HttpRequest, { method, params }: Request): void {
  const version = objectIn(params, '_meta')[META.version]
  mustEqual('MCP-Protocol-Version', header(request, 'mcp-protocol-version'), version)
  mustEqual('Mcp-Method', header(request, 'mcp-method'), method)
  const named = NAMED[method]
  if (named !== undefined) mustEqual('Mcp-Name', decoded('Mcp-Name', header(request, 'mcp-name')), params[named])
}

/**
 * Throws -32020 unless every parameter that the tool's schema marks with `x-mcp-header` stands in the header of that name, and
 * no such header says what the parameters do not.
 */
export function mustAgreeOnParams(request: HttpRequest, schema: unknown, args: JsonObject): void {
  const properties = objectIn(isObject(schema) ? (schema as JsonObject) : {}, 'properties')
  for (const [name, property] of Object.entries(properties)) {
    const marked = isObject(property) ? property['x-mcp-header'] : undefined
    if (typeof marked !== 'string') continue
    const shown = `Mcp-Param-${marked}`
    const value = args[name] ?? undefined
    const given = decoded(shown, header(request, shown.toLowerCase()))
    if (value === undefined && given === undefined) continue
    mustEqual(
      shown,
      given,
      typeof value === 'object' ? JSON.stringify(value) : value === undefined ? value : String(value),
    )
  }
}

function mustEqual(name: string, given: string | undefined, body: unknown): void {
  if (given === undefined) throw mismatch(name, 'is missing')
  // What the body lacks is said where the body is checked.
  if (name === 'MCP-Protocol-Version' && body === undefined) return
  if (given !== body) throw mismatch(name, 'is not what the body says')
}

const WRAPPED = /^=\?base64\?(.*)\?=$/
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

function decoded(name: string, value: string | undefined): string | undefined {
  const inner = value === undefined ? undefined : WRAPPED.exec(value)?.[1]
  if (inner === undefined) return value
  if (!BASE64.test(inner)) throw mismatch(name, 'is not base64')
  return Buffer.from(inner, 'base64').toString()
}

function mismatch(name: string, problem: string): RpcError {
  return new RpcError(CODES.headerMismatch, `Header mismatch: ${name} ${problem}`)
}
