// What the trust commands share: the way to the gate and to the state; they have no way around either.
import type { Gate, Json } from 'cloned/kernel'
import { actionResult, type CommandContext, type CommandResult } from '../../cli/slot.js'
import { type TrustChange, trustWrite } from '../kind.js'
import type { TrustState } from '../state.js'

export interface TrustCommandParts {
  readonly gate: Pick<Gate, 'act'>
  readonly state: () => Promise<TrustState>
  /** The file that is not as approved. */
  readonly drift: (state: TrustState) => string | undefined
  /** Writes the approved files anew. */
  readonly restore: (state: TrustState) => void
  readonly now: () => number
}

/** Asks for a change; `target` is what it is about, `title` one line for people. */
export async function ask(
  { gate }: TrustCommandParts,
  ctx: CommandContext,
  { change, target, title, done }: { change: TrustChange; target: string; title: string; done: string },
): Promise<CommandResult> {
  const request = { target, input: change as unknown as Json, about: { title } }
  const outcome = await gate.act(trustWrite, ctx.actor === undefined ? request : { ...request, actor: ctx.actor }, {
    dryRun: ctx.dryRun,
    signal: ctx.signal,
  })
  return actionResult(outcome, done, ctx)
}
