// Lets who starts an action and who executes it be built for neighbouring contracts of its kind; must never touch a record.
import { type AdapterOf, adapt, fits } from './adapter.js'
import type { Attempt } from './attempt.js'
import { ClonedError, describeThrown } from './errors.js'
import { snapshot } from './json.js'
import type { Outcome } from './outcome.js'

/** What of a kind its compatibility depends on. */
export interface ContractedKind {
  readonly id: string
  readonly contract: number
  readonly previous?: { readonly input: AdapterOf<unknown>; readonly output: AdapterOf<unknown> }
}

/** The input for who executes the kind. Throws `KIND_CONTRACT` and `KIND_ADAPTER`. */
export function inputFor(executed: ContractedKind, started: ContractedKind, input: unknown): unknown {
  if (started.contract === executed.contract) return input
  if (!fits(started, executed)) {
    const [asked, known] = [started.contract, executed.contract]
    throw new ClonedError('KIND_CONTRACT', { kind: executed.id, asked, known, newest: Math.max(asked, known) })
  }
  return adapted('input', input, started, executed)
}

/** What the caller is told of an error. */
type Worded = (error: unknown) => { readonly code: string; readonly reason: string; readonly help: string }

/** What was recorded and told to observers is what was executed: only the answer is brought to its starter's contract. */
export function outcomeFor({ request: { started }, runnable }: Attempt, outcome: Outcome, worded: Worded): Outcome {
  if (outcome.status !== 'done' || !started || !runnable || started.contract === runnable.kind.contract) return outcome
  try {
    const output = snapshot(adapted('output', outcome.output, runnable.kind, started))
    return Object.freeze({ ...outcome, output })
  } catch (error) {
    const { callId, ballot } = outcome
    return Object.freeze({ status: 'failed', callId, ballot, ...worded(error), effect: 'happened' })
  }
}

function adapted(part: 'input' | 'output', value: unknown, from: ContractedKind, to: ContractedKind): unknown {
  const of = ({ contract, previous }: ContractedKind) =>
    previous ? { contract, previous: previous[part] } : { contract }
  try {
    return adapt(value, of(from), of(to))
  } catch (cause) {
    throw new ClonedError('KIND_ADAPTER', { kind: to.id, part, cause: describeThrown(cause) }, { cause })
  }
}
