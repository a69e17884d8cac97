// Says whose counter a call counts on; a name that is only claimed, or a new run, must never give an actor another counter.
import type { BudgetCap } from '../policy/slot.js'
import type { Spender } from './caps.js'

/** The actor, run or connector of a call; `undefined` where it has none. */
export function subjectOf(per: NonNullable<BudgetCap['per']>, { actor, tool }: Pick<Spender, 'actor' | 'tool'>) {
  switch (per) {
    case 'actor':
      if (actor.claimed) return `claims of ${actor.osUser}`
      // Whoever may start a run could start another one whenever this one has used up what is its.
      return isRun(actor) ? `runs of ${actor.osUser}` : actor.id
    case 'run':
      return actor.claimed || !isRun(actor) ? undefined : actor.id
    case 'connector':
      // The id of a tool is that of its connector, a dot, a word and a version.
      return tool.id.slice(0, tool.id.lastIndexOf('.'))
  }
}

function isRun({ id }: Spender['actor']): boolean {
  return id.startsWith('run:')
}
