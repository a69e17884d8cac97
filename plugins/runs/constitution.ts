// Holds runs to the tools of their pipeline; nobody but a run in hand may act as a run.
import { type Action, ClonedError, type Deny, deny, type ToolCall } from 'cloned/kernel'
import { type ActiveRuns, isRun, runIdOf } from './active.js'

/** Votes on who acts, for actions of every kind. */
export function judgeActor(runs: ActiveRuns, { actor }: Action): Deny | undefined {
  if (!isRun(actor) || runs.of(actor)) return undefined
  return refuse(
    actor.claimed
      ? new ClonedError('RUN_CLAIMED', { actor: actor.id })
      : new ClonedError('RUN_INACTIVE', { actor: actor.id, run: runIdOf(actor) }),
  )
}

/** Votes on the tool, for calls of a run and everything its tools call. */
export function judgeTool(runs: ActiveRuns, call: ToolCall): Deny | undefined {
  const run = runs.of(call.actor)
  if (!run || run.allowed.has(call.target)) return undefined
  return refuse(new ClonedError('RUN_TOOL_OUTSIDE', { pipeline: run.pipeline.id, tool: call.target }))
}

function refuse({ message, code, help }: ClonedError): Deny {
  return deny(message, { code, help })
}
