// Holds everything that a test wrote into an audit log to the published schema; for fixtures, when their world closes.
import { existsSync, readFileSync } from 'node:fs'
import { compileSchema, type JsonObject, readSchema } from 'cloned/kernel'

let problemsOf: ReturnType<typeof compileSchema> | undefined

/** Throws for the first record in this log of a workspace that the schema refuses. */
export function mustFitSchema(path: string): void {
  if (!existsSync(path)) return
  problemsOf ??= compileSchema(readSchema('audit_entry'))
  // The last line may be one of a writer that was killed.
  for (const line of readFileSync(path, 'utf8').split('\n').slice(0, -1)) {
    const problems = problemsOf(JSON.parse(line) as JsonObject)
    if (problems.length > 0) throw new Error(`a record does not fit its schema: ${JSON.stringify(problems)}: ${line}`)
  }
}
