// Says what the steps of a run become on a person's word: tried again, or taken for done; changes nothing itself.
import { ClonedError, type Json } from 'cloned/kernel'
import type { PipelineStep } from '../skills/slot.js'
import { ended } from './ends.js'
import { stepAt } from './paths.js'
import type { Node, StoredRun } from './tables.js'

/** What failed, was denied, or has an effect that is not known, to be tried again. */
export function repeated({ nodes }: StoredRun): readonly Node[] {
  return [...nodes.values()]
    .filter(({ state }) => state === 'failed' || state === 'denied' || state === 'indeterminate')
    .map(({ path, calls, startedAt }) => ({ path, state: 'pending', calls, attempts: 0, startedAt }))
}

/**
 * The step whose effect is not known, as done. Throws `RUN_STEP_UNKNOWN` when there is none, or several and none of them is
 * named.
 */
export function settledByPerson(
  run: StoredRun,
  { step, output }: { readonly step?: string; readonly output: Json },
  now: number,
): readonly Node[] {
  const found = [...run.nodes.values()].filter(
    ({ path, state, error }) =>
      (step === undefined || path === step) &&
      (state === 'indeterminate' || (state === 'failed' && error?.effect !== undefined && error.effect !== 'none')),
  )
  const [only] = found
  if (!only || found.length > 1) throw new ClonedError('RUN_STEP_UNKNOWN', { run: run.id, step: step ?? '' })
  return [ended(only, 'done', now, { output })]
}

/**
 * What a new run begins with: the steps that have ended well. A person said yes to the old run, not to this one, so what
 * asked is asked again, and the loops and pipelines around it are gone through again.
 */
export function takenOver({ nodes, definition }: StoredRun, steps: readonly PipelineStep[]): readonly Node[] {
  const kept = new Set(steps.map(({ id }) => id))
  const asking = new Set<string>()
  for (const path of nodes.keys()) {
    if (stepAt(definition, path)?.kind !== 'approval') continue
    for (const { index } of path.matchAll(/[/[]|$/g)) asking.add(path.slice(0, index))
  }
  return [...nodes.values()].filter(
    ({ path, state }) =>
      kept.has(path.split(/[/[]/)[0] ?? '') && !asking.has(path) && (state === 'done' || state === 'skipped'),
  )
}
