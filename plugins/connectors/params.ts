// Validates what workers ask of the host, by the published schema; nothing of theirs is used before it has passed here.
import type { ArtifactParams, FetchParams, InitializeResult, LogParams, ProgressParams } from 'cloned/connector'
import { compileSchema, type JsonObject, readSchema, wordProblems } from 'cloned/kernel'

/** Largest answer of `fetch`, as in the schema: with base64 it must fit a line. */
export const MAX_FETCH_BYTES = 8_000_000

/** What workers send, by its name in the schema. */
export interface WorkerValues {
  readonly fetch_params: FetchParams
  readonly artifact_params: ArtifactParams
  readonly progress_params: ProgressParams
  readonly log_params: LogParams
  readonly initialize_result: InitializeResult
  readonly call_result: { readonly output: unknown }
}

const compiled = new Map<string, ReturnType<typeof compileSchema>>()

/** Throws what is wrong with the value. */
export function validFromWorker<N extends keyof WorkerValues>(name: N, value: unknown): WorkerValues[N] {
  let validate = compiled.get(name)
  if (!validate) {
    const { $defs } = readSchema('tool_call_envelope') as { readonly $defs: JsonObject }
    validate = compileSchema({ $ref: `#/$defs/${name}`, $defs })
    compiled.set(name, validate)
  }
  const problems = validate(value as never)
  if (problems.length > 0) throw new Error(`its ${name} is not understood: ${wordProblems(problems)}`)
  return value as WorkerValues[N]
}
