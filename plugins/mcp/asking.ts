// Says in whose name a person is asked what a server wants to know; a server's words must never read as the gateway's own.
import type { Json, JsonObject } from 'cloned/kernel'
import { type AnswerServer, UpstreamError } from '../mcp-upstream/slot.js'
import { CODES, isObject } from './rpc.js'

/** The same questions, each saying which server asks it. Rejects one that would send a person to what is no web address. */
export function inNameOf(server: string, ask: AnswerServer): AnswerServer {
  return async (method, params, ...rest) =>
    await ask(method, method === 'elicitation/create' ? signed(server, params) : params, ...rest)
}

function signed(server: string, params: Json): Json {
  if (!isObject(params)) return params
  const { mode, url, message } = params as JsonObject
  // A client opens it with whatever its system has for the scheme: files, scripts, other programs.
  if (mode === 'url' && !(typeof url === 'string' && /^https?:\/\//i.test(url))) {
    throw new UpstreamError(CODES.invalidParams, 'A person is sent to http and https addresses only')
  }
  return { ...params, message: `The MCP server ${server} asks:\n${String(message)}` } as JsonObject
}
