// Draws the steps of a run as a tree of plain lines with states and durations; escapes nothing and decides nothing.
import type { Run, RunStep, RunStepState } from './slot.js'

const MARKS: Readonly<Record<RunStepState, string>> = {
  pending: '·',
  running: '…',
  waiting: '?',
  done: '✓',
  skipped: '-',
  denied: '✗',
  failed: '✗',
  indeterminate: '!',
  cancelled: '✗',
}

/** More items of one loop than this are counted, not shown. */
const SHOWN_ITEMS = 8

/** One line for the run and one for every step, indented. */
export function tree(run: Run, now: number): readonly string[] {
  return [`${run.pipeline}  ${run.state}`, ...run.steps.flatMap((step) => lines(step, 1, now))]
}

function lines(step: RunStep, depth: number, now: number): readonly string[] {
  const inside = step.steps ?? []
  const shown =
    inside.length > SHOWN_ITEMS ? inside.filter(({ state }) => state !== 'done').slice(0, SHOWN_ITEMS) : inside
  const done = inside.filter(({ state }) => state === 'done').length
  const counted = shown.length < inside.length ? `  ${done} of ${inside.length} begun are done` : ''
  return [
    `${'  '.repeat(depth)}${MARKS[step.state]} ${step.id}  ${words(step, now)}${counted}`,
    ...shown.flatMap((one) => lines(one, depth + 1, now)),
  ]
}

function words(step: RunStep, now: number): string {
  const { state, approval, attempts, startedAt, endedAt } = step
  const took = startedAt === undefined || state === 'pending' ? '' : `  ${duration((endedAt ?? now) - startedAt)}`
  const asked = approval === undefined ? '' : `  ${approval}`
  const tries = attempts > 1 ? `  attempt ${attempts}` : ''
  return `${state}${asked}${tries}${took}`
}

/** `0.4 s`, `3 min 20 s`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 60
    ? `${minutes} min ${Math.floor(seconds % 60)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** Every step, before what is inside it. */
export function flat(steps: readonly RunStep[]): readonly RunStep[] {
  return steps.flatMap((step) => [step, ...flat(step.steps ?? [])])
}
