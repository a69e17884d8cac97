// Validates what workers ask of the host; nothing of theirs is used before it has passed here.
import type { ArtifactParams, FetchParams, LogParams, ProgressParams } from 'cloned/connector'
import { compileSchema, type JsonObject, wordProblems } from 'cloned/kernel'

/** Largest answer of `fetch`: with base64 it must fit a line. */
export const MAX_FETCH_BYTES = 8 * 1000 * 1000

const callId = { type: 'string', maxLength: 200 }

/** By method. */
export interface WorkerParams {
  readonly fetch: FetchParams
  readonly artifact: ArtifactParams
  readonly progress: ProgressParams
  readonly log: LogParams
}

const SCHEMAS: Readonly<Record<keyof WorkerParams, JsonObject>> = {
  fetch: {
    type: 'object',
    required: ['call_id', 'url'],
    additionalProperties: false,
    properties: {
      call_id: callId,
      url: { type: 'string', minLength: 1, maxLength: 16384 },
      method: { enum: ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'] },
      headers: { type: 'object', maxProperties: 100, additionalProperties: { type: 'string', maxLength: 8192 } },
      body: { type: 'string' },
      encoding: { enum: ['utf8', 'base64'] },
      auth: { type: 'array', maxItems: 10, uniqueItems: true, items: { type: 'string', maxLength: 100 } },
      redirect: { enum: ['follow', 'manual'] },
      max_bytes: { type: 'integer', minimum: 1, maximum: MAX_FETCH_BYTES },
      timeout_ms: { type: 'integer', minimum: 1, maximum: 3_600_000 },
    },
  },
  artifact: {
    type: 'object',
    required: ['call_id', 'filename', 'content'],
    additionalProperties: false,
    properties: {
      call_id: callId,
      filename: { type: 'string', maxLength: 1000 },
      content: { type: 'string' },
      media_type: { type: 'string', maxLength: 127 },
    },
  },
  progress: {
    type: 'object',
    required: ['call_id', 'message'],
    additionalProperties: false,
    properties: { call_id: callId, message: true },
  },
  log: {
    type: 'object',
    required: ['level', 'message'],
    additionalProperties: false,
    properties: { level: { enum: ['debug', 'info', 'warn', 'error'] }, message: { type: 'string' } },
  },
}

const compiled = new Map<string, ReturnType<typeof compileSchema>>()

/** Throws what is wrong with the parameters. */
export function validParams<M extends keyof WorkerParams>(method: M, params: unknown): WorkerParams[M] {
  let validate = compiled.get(method)
  if (!validate) {
    validate = compileSchema(SCHEMAS[method])
    compiled.set(method, validate)
  }
  const problems = validate(params as never)
  if (problems.length > 0) throw new Error(`its "${method}" is not understood: ${wordProblems(problems)}`)
  return params as WorkerParams[M]
}
