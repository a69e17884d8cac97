// Sees to it that nobody but a run in hand acts as a run, and that a run's question is always asked.
import { type Action, type Ask, ask, ClonedError, type Deny, deny } from 'cloned/kernel'
import { type ActiveRuns, isRun, runIdOf } from './active.js'
import { type RunQuestion, runAsk } from './slot.js'

/** Votes on who acts, for actions of every kind. */
export function judgeActor(runs: ActiveRuns, action: Action): Deny | Ask | undefined {
  const { actor, kind } = action
  if (runs.of(actor)) return kind === runAsk.id ? question(action.input as RunQuestion) : undefined
  if (!isRun(actor) && kind !== runAsk.id) return undefined
  return refuse(
    actor.claimed || !isRun(actor)
      ? new ClonedError('RUN_CLAIMED', { actor: actor.id })
      : new ClonedError('RUN_INACTIVE', { actor: actor.id, run: runIdOf(actor) }),
  )
}

function question({ about, message }: RunQuestion): Ask {
  return ask(message, `run-${about}`)
}

function refuse({ message, code, help }: ClonedError): Deny {
  return deny(message, { code, help })
}
