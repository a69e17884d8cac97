// Brings the tables of one owner to its last step; never goes on beside steps it does not know or that have changed.
import { ClonedError, digest } from 'cloned/kernel'
import type { Session } from './session.js'
import type { Row } from './slot.js'

const APPLIED = 'select step, digest from store_steps where owner = $1 order by step'

/** Whether every step is applied already; a read, so that a usual start writes nothing. Throws as {@link migrate}. */
export function isMigrated(session: Session, owner: string, steps: readonly (readonly string[])[]): boolean {
  return appliedSteps(owner, session.read(APPLIED, [owner]), steps) === steps.length
}

/**
 * Applies the missing steps inside the present transaction. Throws `STORE_NEWER` when the store has more steps than are
 * known, and `STORE_STEP_CHANGED` when an applied one is not the same any more.
 */
export function migrate(session: Session, owner: string, steps: readonly (readonly string[])[]): void {
  const [rows = []] = session.batch([{ sql: APPLIED, args: [owner] }])
  for (let step = appliedSteps(owner, rows, steps); step < steps.length; step++) {
    const statements = steps[step] ?? []
    session.batch(
      statements.map((sql) => ({ sql })),
      'migrate',
    )
    session.batch([
      {
        sql: 'insert into store_steps (owner, step, digest) values ($1, $2, $3)',
        args: [owner, step + 1, digest([...statements])],
        expect: 1,
      },
    ])
  }
}

/**
 * How many steps are applied, by rows of their numbers (`step`, from 1) and digests (`digest`), in order. Throws `STORE_NEWER`
 * and `STORE_STEP_CHANGED`.
 */
export function appliedSteps(owner: string, rows: readonly Row[], steps: readonly (readonly string[])[]): number {
  if (rows.length > steps.length) {
    throw new ClonedError('STORE_NEWER', { owner, found: rows.length, known: steps.length })
  }
  for (const [i, row] of rows.entries()) {
    if (Number(row['step']) !== i + 1 || row['digest'] !== digest([...(steps[i] ?? [])])) {
      throw new ClonedError('STORE_STEP_CHANGED', { owner, step: i + 1 })
    }
  }
  return rows.length
}
