// Names the ways in which a step leaves off, and stores bad ends; makes no call.
import type { Json } from 'cloned/kernel'
import type { Journal } from './journal.js'
import type { RunError, RunStepState } from './slot.js'
import type { Node } from './tables.js'

/** How a step left off. `stuck`: it waits for a person, for its time, or was told to stop. */
export type End =
  | { readonly kind: 'done'; readonly output: Json }
  | { readonly kind: 'failed'; readonly error: RunError }
  | { readonly kind: 'stuck' }

export const STUCK: End = { kind: 'stuck' }

/** A step that has come to an end, with what became of it. */
export function ended(
  { path, calls, attempts, startedAt }: Node,
  state: RunStepState,
  endedAt: number,
  what: Pick<Node, 'output' | 'artifact' | 'error'> = {},
): Node {
  return { path, state, calls, attempts, startedAt, endedAt, ...what }
}

/** A step that goes on: nothing of an earlier wait or end is left. */
export function open(
  { path, calls, attempts, startedAt }: Node,
  state: RunStepState,
  what: Pick<Node, 'due' | 'approval' | 'error'> = {},
): Node {
  return { path, state, calls, attempts, startedAt, ...what }
}

/** Stores a bad end; it ends the run. */
export async function badEnd(
  node: Node,
  state: 'denied' | 'failed' | 'indeterminate',
  error: RunError,
  journal: Journal,
): Promise<End> {
  await journal.put(ended(node, state, journal.now(), { error }))
  return { kind: 'failed', error }
}

/** Stores a denial: it ends the run, or the step is skipped where the pipeline says so. */
export async function deny(
  { onDenied }: { readonly onDenied: 'fail' | 'skip' },
  node: Node,
  error: RunError,
  journal: Journal,
): Promise<End> {
  if (onDenied === 'fail') return badEnd(node, 'denied', error, journal)
  await journal.put(ended(node, 'skipped', journal.now(), { error }))
  return { kind: 'done', output: null }
}
