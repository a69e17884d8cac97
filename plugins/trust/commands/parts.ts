// What the trust commands share: the way to the gate and to the state; they have no way around either.
import type { Gate } from 'cloned/kernel'
import { actionResult, type CommandContext, type CommandResult } from '../../cli/slot.js'
import { askForChange, type Wish } from '../request.js'
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

/** Asks for a change and words its end. */
export async function ask(
  { gate }: TrustCommandParts,
  ctx: CommandContext,
  wish: Wish,
  done: string,
): Promise<CommandResult> {
  return actionResult(await askForChange(gate, ctx, wish), done, ctx)
}
