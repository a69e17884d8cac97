// Puts a question of a run to a person and reads the answer; without an answer the run goes no further.
import { ClonedError, type Json, type Outcome } from 'cloned/kernel'
import type { ApprovalStep, ConstitutionDenial, Scope } from '../skills/slot.js'
import { actorOf, keyOf } from './active.js'
import { badEnd, deny, type End, ended, open, STUCK } from './ends.js'
import { errorOf } from './errors.js'
import type { CallParts, Place } from './parts.js'
import { type RunError, type RunQuestion, runAsk } from './slot.js'
import type { Node } from './tables.js'

/** Carries out a step that asks a person. */
export async function askStep(step: ApprovalStep, place: Place, scope: Scope, parts: CallParts): Promise<End> {
  const { journal, skills } = parts
  const node = journal.node(place.path)
  const answered = node.state === 'waiting' ? await waitFor(node, parts) : 'approved'
  if (answered === 'pending') return STUCK
  if (answered !== 'approved') return deny(step, node, answered, journal)
  let message: Json
  let show: Json
  try {
    message = skills.fill(step.message, scope)
    show = skills.fill(step.show, scope)
  } catch (thrown) {
    return badEnd(node, 'failed', errorOf(thrown), journal)
  }
  const text = typeof message === 'string' ? message : JSON.stringify(message)
  const { outcome, denial } = await ask({ about: 'approval', message: text, show }, place, parts)
  const calls = outcome.callId === '' ? node.calls : [...node.calls, outcome.callId]
  switch (outcome.status) {
    case 'done': {
      const output = { approved: true }
      await journal.put(ended({ ...node, calls }, 'done', journal.now(), { output }))
      return { kind: 'done', output }
    }
    case 'pending':
      await journal.put(open({ ...node, calls }, 'waiting', { approval: outcome.approval.id }))
      journal.waits = true
      return STUCK
    default: {
      if (outcome.status === 'failed' && outcome.effect === 'none' && journal.stopped) return STUCK
      if (denial) return badEnd({ ...node, calls }, 'denied', { ...denial, effect: 'none' }, journal)
      const { code, reason = '', help = '' } = outcome
      return deny(
        step,
        { ...node, calls },
        { code: code ?? outcome.status, message: reason, help, effect: 'none' },
        journal,
      )
    }
  }
}

/**
 * Asks through the gate, as the run. The identical question goes through once a person has approved it. `denial`: a
 * constitution does not let it ask.
 */
export async function ask(
  question: Pick<RunQuestion, 'about' | 'message' | 'show'>,
  { path, pipeline, held }: Place,
  { gate, skills, journal: { run, hand } }: CallParts,
): Promise<{ readonly outcome: Outcome; readonly denial: ConstitutionDenial | undefined }> {
  const input: RunQuestion = { run: run.id, step: path, ...question }
  const key = keyOf(run.id, path, 'ask')
  const { release } = skills.hold(key, { run: run.id, pipeline: pipeline.id, step: path, constitutions: held })
  let denials: readonly ConstitutionDenial[] = []
  let outcome: Outcome
  try {
    const actor = actorOf(run)
    const request = { target: `${run.definition.id}#${path}`, input, actor, about: { question: question.message } }
    outcome = (await gate.act(runAsk, request, { signal: hand.signal, idempotencyKey: key })) as Outcome
  } finally {
    denials = release()
  }
  return { outcome, denial: denials[0] }
}

/** What a person said to the request that a step waits for: nothing yet, yes (or it is asked again), or no. */
export async function waitFor(
  node: Node,
  { approvals, journal }: CallParts,
): Promise<'pending' | 'approved' | RunError> {
  const { approval = '', path } = node
  const request = await approvals?.get(approval)
  if (request?.state === 'pending') {
    journal.waits = true
    return 'pending'
  }
  // Approved: the gate lets the identical action through, once. Expired or gone: the gate asks again.
  if (request?.state !== 'denied') return 'approved'
  const reason = request.reason === undefined ? '' : `: ${request.reason}`
  return { ...errorOf(new ClonedError('RUN_APPROVAL_DENIED', { approval, step: path, reason })), effect: 'none' }
}
