// Words the statements that put a run or a step into its row; decides nothing about when.
import type { Statement } from '../store/slot.js'
import { type Node, type StoredRun, text } from './tables.js'

/** A run that is not there yet. */
export function putRun(run: StoredRun): Statement {
  return {
    sql: `insert into runs (id, pipeline, format, definition, inputs, actor, state, version, created_at, rerun_of)
          values ($1, $2, cast($3 as bigint), $4, $5, $6, $7, cast($8 as bigint), cast($9 as bigint), $10)`,
    args: [
      run.id,
      run.definition.id,
      run.format,
      JSON.stringify(run.definition),
      JSON.stringify(run.inputs),
      JSON.stringify(run.actor),
      run.state,
      run.version,
      run.createdAt,
      run.rerunOf ?? null,
    ],
  }
}

/** A step as it is now, whether or not it was there. */
export function putNode(run: string, node: Node): Statement {
  return {
    sql: `insert into run_nodes
            (run, path, state, calls, attempts, due, approval, output, artifact, error, started_at, ended_at)
          values ($1, $2, $3, $4, cast($5 as bigint), cast($6 as bigint), $7, $8, $9, $10, cast($11 as bigint),
            cast($12 as bigint))
          on conflict (run, path) do update set state = excluded.state, calls = excluded.calls,
            attempts = excluded.attempts, due = excluded.due, approval = excluded.approval, output = excluded.output,
            artifact = excluded.artifact, error = excluded.error, started_at = excluded.started_at,
            ended_at = excluded.ended_at`,
    args: [
      run,
      node.path,
      node.state,
      JSON.stringify(node.calls),
      node.attempts,
      node.due ?? null,
      node.approval ?? null,
      text(node.output),
      node.artifact ?? null,
      text(node.error),
      node.startedAt,
      node.endedAt ?? null,
    ],
  }
}
