// Makes the call of one step and stores what became of it; a call that may have had its effect is never made again unasked.
import type { Json, Outcome } from 'cloned/kernel'
import type { CallStep, ConstitutionDenial, Scope } from '../skills/slot.js'
import { actorOf, keyOf } from './active.js'
import { ask, waitFor } from './ask.js'
import { badEnd, deny, type End, ended, open, STUCK } from './ends.js'
import { errorOf } from './errors.js'
import { keepOutput } from './outputs.js'
import type { CallParts, Place } from './parts.js'
import type { RunError } from './slot.js'
import type { Node } from './tables.js'

// After this a step is shown as running. Most calls have ended by then, and are spared the write.
const MARK_MS = 50
/** Enough to see what was tried; each is in the audit log too. */
const MAX_CALLS = 50

/** Calls the tool of a step as the run. */
export async function callStep(step: CallStep, place: Place, scope: Scope, parts: CallParts): Promise<End> {
  const { journal, skills, lanes } = parts
  const { path } = place
  const before = journal.node(path)
  if (before.state === 'indeterminate') {
    const answer = await askToRepeat(place, parts)
    if (answer) return answer
  }
  const answered = before.state === 'waiting' ? await waitFor(before, parts) : undefined
  if (answered === 'pending') return STUCK
  if (answered && answered !== 'approved') return deny(step, before, answered, journal)
  const sleep = sleepUntil(before, step, journal.now())
  if (sleep !== undefined) {
    journal.sleepUntil(sleep)
    return STUCK
  }
  let input: Json
  try {
    input = skills.fill(step.input, scope)
  } catch (thrown) {
    return badEnd(before, 'failed', errorOf(thrown), journal)
  }
  return lanes.within(step.tool, journal.hand.signal, STUCK, () => dispatch(step, place, input, parts))
}

async function dispatch(step: CallStep, place: Place, input: Json, parts: CallParts): Promise<End> {
  const { journal, gate, skills } = parts
  const { path } = place
  if (journal.stopped) return STUCK
  const { run, hand } = journal
  const before = journal.node(path)
  const node: Node = { ...open(before, 'running'), attempts: before.attempts + 1 }
  const key = keyOf(run.id, path)
  // What a crash is judged by is the intent, durable under this key before anything runs; the mark is for people who look.
  const mark = markLater(node, parts)
  const { release } = skills.hold(key, {
    run: run.id,
    pipeline: place.pipeline.id,
    step: path,
    constitutions: place.held,
  })
  let outcome: Outcome
  let denials: readonly ConstitutionDenial[] = []
  try {
    const options = {
      signal: hand.signal,
      idempotencyKey: key,
      ...(step.timeoutMs === undefined ? {} : { deadlineMs: step.timeoutMs }),
    }
    outcome = await (before.approval !== undefined && (await wasEdited(before.approval, parts))
      ? gate.resume(before.approval, options)
      : gate.call({ tool: step.tool, input, actor: actorOf(run) }, options))
  } finally {
    denials = release()
    await mark.end()
  }
  return afterCall(step, { ...node, calls: called(node, outcome) }, outcome, denials, parts)
}

/** Marks a step as running once its call has taken longer than most. */
function markLater(node: Node, { journal }: CallParts): { end(): Promise<void> } {
  let marked: Promise<void> | undefined
  const timer = setTimeout(() => {
    marked = journal.put(node, { durable: false })
    // Awaited by `end`; the call may take hours until then.
    marked.catch(() => undefined)
  }, MARK_MS)
  return {
    async end() {
      clearTimeout(timer)
      await marked
    },
  }
}

/** Stores what became of a call. */
async function afterCall(
  step: CallStep,
  node: Node,
  outcome: Outcome,
  denials: readonly ConstitutionDenial[],
  parts: CallParts,
): Promise<End> {
  const { journal } = parts
  const [denial] = denials
  switch (outcome.status) {
    case 'done': {
      if (denial) return badEnd(node, 'failed', { ...denial, effect: 'happened' }, journal)
      const kept = await keepOutput(node.path, outcome.output, parts)
      if ('kind' in kept) return badEnd(node, 'failed', { ...kept.error, effect: 'happened' }, journal)
      await journal.putDone(ended(node, 'done', journal.now(), kept))
      return { kind: 'done', output: outcome.output }
    }
    case 'pending':
      await journal.put({ ...open(node, 'waiting', { approval: outcome.approval.id }), attempts: node.attempts - 1 })
      journal.waits = true
      return STUCK
    case 'denied': {
      const error = { code: outcome.code, message: outcome.reason, help: outcome.help, effect: 'none' as const }
      return denial ? badEnd(node, 'denied', { ...denial, effect: 'none' }, journal) : deny(step, node, error, journal)
    }
    case 'failed':
      return failed(step, node, outcome, denial, parts)
    case 'dry-run':
      // Never asked for here; were it taken for a result, a step that did not run would count as done.
      throw new TypeError('a step was judged instead of run')
  }
}

async function failed(
  step: CallStep,
  node: Node,
  { code, reason, help, effect }: Extract<Outcome, { status: 'failed' }>,
  denial: ConstitutionDenial | undefined,
  parts: CallParts,
): Promise<End> {
  const { journal } = parts
  const error = { ...(denial ?? { code, message: reason, help }), effect }
  if (code === 'CANCELLED' && journal.hand.leaving() && !(await journal.isCancelled())) {
    // Not the step's fault. What is known to have done nothing is repeated on resume; of the rest the log is asked then.
    if (effect === 'none') await journal.put({ ...open(node, 'pending'), attempts: node.attempts - 1 })
    else {
      journal.unsettled = true
      // Without this call: its end is what is not known.
      await journal.put({ ...open(node, 'running'), calls: node.calls.slice(0, -1) })
    }
    return STUCK
  }
  const { retry } = step
  // Told to stop, not out of time.
  const stopped = journal.hand.signal.aborted
  const again = retry && !denial && !stopped && parts.tool(step.tool)?.idempotent === true
  if (!again || node.attempts >= retry.maxAttempts) return badEnd(node, 'failed', error, journal)
  const due = journal.now() + backoff(retry, node.attempts)
  await journal.put(open(node, 'pending', { due, error }))
  journal.sleepUntil(due)
  return STUCK
}

/** Milliseconds before the attempt that follows this one. */
function backoff({ backoffMs, maxBackoffMs }: NonNullable<CallStep['retry']>, attempts: number): number {
  return Math.min(maxBackoffMs, backoffMs * 2 ** (attempts - 1))
}

function sleepUntil({ due, attempts }: Node, { retry }: CallStep, now: number): number | undefined {
  if (due === undefined || !retry || due <= now) return undefined
  // Further off than it ever was: the clock was set back, and the time may well be over.
  return due - now > backoff(retry, Math.max(1, attempts)) ? undefined : due
}

/** Asks a person whether a call is made again that may have had its effect; no answer: it is. */
async function askToRepeat(place: Place, parts: CallParts): Promise<End | undefined> {
  const { journal } = parts
  const node = journal.node(place.path)
  const answered = node.approval === undefined ? 'approved' : await waitFor(node, parts)
  if (answered === 'pending') return STUCK
  const { code, message, help } = node.error ?? errorOf(new Error('its end is not known'))
  const error: RunError = { code, message, help, effect: node.error?.effect ?? 'unknown' }
  if (answered !== 'approved') return badEnd(node, 'failed', error, journal)
  const { outcome } = await ask(
    { about: 'repeat', message: `${message} Make the call again?`, show: null },
    place,
    parts,
  )
  if (outcome.status === 'pending') {
    await journal.put(open(node, 'indeterminate', { approval: outcome.approval.id, error }))
    journal.waits = true
    return STUCK
  }
  if (outcome.status === 'done') {
    await journal.put(open(node, 'pending'))
    return undefined
  }
  if (outcome.status === 'failed' && journal.stopped) return STUCK
  // Nobody can be asked: whoever resumes the run decides.
  return badEnd(node, 'indeterminate', error, journal)
}

/** A kernel that could not even begin the call has given it no id. */
function called({ calls }: Node, { callId }: Outcome): readonly string[] {
  return callId === '' ? calls : [...calls, callId].slice(-MAX_CALLS)
}

async function wasEdited(approval: string, { approvals }: CallParts): Promise<boolean> {
  return (await approvals?.get(approval))?.state === 'edited'
}
