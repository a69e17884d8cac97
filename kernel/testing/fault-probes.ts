// Says for each place what must come of a call when a plugin fails there; must never be content with "it did not crash".
import assert from 'node:assert/strict'
import type { Actor } from '../action.js'
import { approvalsSlot, auditSlot, type CallRequest } from '../contracts.js'
import { type Hook, onApprovalDecided, onReady } from '../hooks.js'
import type { Kernel } from '../kernel-contract.js'
import type { Outcome } from '../outcome.js'
import type { Place } from './fault-points.js'
import type { Fault } from './faults.js'

/** A started kernel with what the matrix needs to reach every place in it. */
export interface FaultSubject {
  readonly kernel: Kernel
  /** A call that ends `done`, of another input each time. For a place on a check, its tool makes that check. */
  call(): CallRequest
  /** A call that somebody is asked about and that ends `done` once approved, of another input each time. */
  asked?(): CallRequest
  /** Who may approve it. */
  readonly decider?: Actor
  /** How often the tools of these calls have had their effect. */
  ran(): number
  /**
   * An action that fires a hook which `call` does not: of another kind, or with a check inside; by the id of the hook. For
   * a reserve that takes nothing of `call`: by the id with `.settle`, one that it takes of, and that ends `done` with its effect.
   */
  readonly act?: { readonly [hook: string]: () => Promise<Outcome> }
  dispose(): Promise<void>
}

/** One fault at one place of one started kernel. */
export interface Bench {
  readonly subject: FaultSubject
  readonly place: Place
  /** Absent: the method is missing. */
  readonly fault: Fault | undefined
  /** From now on it fails. */
  arm(): void
}

/** Fails unless the call ends as it must. */
export function probe(bench: Bench): Promise<void> {
  const { point } = bench.place
  if (point.at === 'hook') return onHook(bench, point.hook, point.method)
  if (point.slot === auditSlot.id) return onAudit(bench)
  if (point.slot === approvalsSlot.id) return onApprovals(bench, point.method)
  return onDeniedAll(bench)
}

function onHook(bench: Bench, hook: Hook, method: string | undefined): Promise<void> {
  switch (hook.kind) {
    case 'transform':
      return hook.id.startsWith('filter') ? onFilter(bench) : onRefused(bench, ['TRANSFORM_FAILED'])
    case 'guard':
      return onRefused(bench, guardCodes(bench.fault), bench.subject.act?.[hook.id])
    case 'check':
      return onCheck(bench, hook)
    case 'reserve':
      if (method === 'peek') return onPeek(bench)
      return method === 'settle'
        ? onUnaffected(bench, bench.subject.act?.[`${hook.id}.settle`])
        : onRefused(bench, ['RESERVE_FAILED'])
    case 'notify':
      return onNotify(bench)
    case 'observe':
      return hook.id === onApprovalDecided.id ? onDecided(bench) : onUnaffected(bench)
  }
}

function guardCodes(fault: Fault | undefined): readonly string[] {
  if (fault?.kind === 'hangs') return ['GUARD_TIMEOUT']
  return fault?.kind === 'throws' ? ['GUARD_THREW'] : ['GUARD_INVALID', 'GUARD_THREW']
}

/** Denied with one of the codes, and nothing has run. */
async function onRefused(
  { subject, arm }: Bench,
  codes: readonly string[],
  act?: () => Promise<Outcome>,
): Promise<void> {
  const before = subject.ran()
  arm()
  const outcome = await (act ? act() : subject.kernel.call(subject.call()))
  endedAs(outcome, ['denied'], codes)
  assert.equal(subject.ran(), before, 'it must not have run')
}

/** It ran, and nothing of the result is released. */
async function onFilter({ subject, arm }: Bench): Promise<void> {
  const before = subject.ran()
  arm()
  const outcome = await subject.kernel.call(subject.call())
  endedAs(outcome, ['failed'], ['RESULT_WITHHELD'])
  withheld(outcome)
  assert.equal(subject.ran(), before + 1)
}

/** The check says no, and its record says so too. */
async function onCheck({ subject, arm }: Bench, hook: Hook): Promise<void> {
  const act = subject.act?.[hook.id]
  arm()
  const { callId } = await (act ? act() : subject.kernel.call(subject.call()))
  const records = await subject.kernel.service(auditSlot).find(callId)
  const checks = records.filter(({ record }) => record['hook'] === hook.id)
  assert.deepEqual([...new Set(checks.map(({ record }) => record['allowed']))], [false])
}

/** A dry run says deny, and nothing has run or is recorded. */
async function onPeek({ subject, arm }: Bench): Promise<void> {
  const before = subject.ran()
  arm()
  const outcome = await subject.kernel.explain(subject.call())
  assert.equal(outcome.status, 'dry-run')
  assert.equal(outcome.status === 'dry-run' && outcome.verdict, 'deny')
  assert.equal(outcome.status === 'dry-run' && outcome.code, 'RESERVE_FAILED')
  assert.equal(subject.ran(), before)
}

/** Done as if nothing had failed. */
async function onUnaffected({ subject, arm }: Bench, act?: () => Promise<Outcome>): Promise<void> {
  const before = subject.ran()
  arm()
  endedAs(await (act ? act() : subject.kernel.call(subject.call())), ['done'])
  assert.equal(subject.ran(), before + 1)
}

/** The request stands, and this channel does not count as delivered unless it said `true`. */
async function onNotify({ subject, place, fault, arm }: Bench): Promise<void> {
  const before = subject.ran()
  arm()
  const outcome = await subject.kernel.call(asked(subject))
  endedAs(outcome, ['pending'])
  const delivered = outcome.status === 'pending' && outcome.delivered.includes(place.point.plugin)
  assert.equal(delivered, fault?.name === 'answers true')
  assert.equal(subject.ran(), before)
}

/** The decision stands, and the approved call runs. */
async function onDecided({ subject, arm }: Bench): Promise<void> {
  const before = subject.ran()
  arm()
  const request = asked(subject)
  await approved(subject, request)
  endedAs(await subject.kernel.call(request), ['done'])
  assert.equal(subject.ran(), before + 1)
}

async function onAudit(bench: Bench): Promise<void> {
  const { subject, place, arm } = bench
  if (place.record === 'intent') return onRefused(bench, ['AUDIT_UNWRITABLE'])
  const before = subject.ran()
  arm()
  const outcome = await subject.kernel.call(subject.call())
  endedAs(outcome, ['failed'], ['OUTCOME_UNRECORDED'])
  withheld(outcome)
  assert.equal(subject.ran(), before + 1)
}

async function onApprovals(bench: Bench, method: string): Promise<void> {
  const { subject, fault, arm } = bench
  const { kernel } = subject
  const before = subject.ran()
  const request = asked(subject)
  if (method === 'match' || method === 'open') {
    arm()
    const outcome = await kernel.call(request)
    // An answer that is no approval is no approval: somebody is asked.
    const pending = method === 'match' && fault?.kind === 'junk' && outcome.status === 'pending'
    if (!pending) endedAs(outcome, ['denied'], ['APPROVALS_FAILED'])
    assert.equal(subject.ran(), before, 'it must not have run')
    return
  }
  const id = await approved(subject, request)
  arm()
  if (method === 'settle') {
    endedAs(await kernel.call(request), ['done'])
    assert.equal(subject.ran(), before + 1)
    return
  }
  const outcome = method === 'get' ? await kernel.resume(id) : await kernel.call(request)
  const asksAgain = method === 'take' && fault?.kind === 'junk' && outcome.status === 'pending'
  if (!asksAgain) endedAs(outcome, ['denied'], ['APPROVALS_FAILED', 'APPROVAL_UNKNOWN', 'APPROVAL_UNUSABLE'])
  assert.equal(subject.ran(), before, 'it must not have run')
}

/** Started for people to look at, but nothing runs. */
async function onDeniedAll(bench: Bench): Promise<void> {
  await onRefused(bench, ['RECOVERY_FAILED'])
}

function asked(subject: FaultSubject): CallRequest {
  assert.ok(subject.asked, 'this place needs a subject with an asked call')
  return subject.asked()
}

async function approved(subject: FaultSubject, request: CallRequest): Promise<string> {
  const outcome = await subject.kernel.call(request)
  assert.equal(outcome.status, 'pending')
  const id = outcome.status === 'pending' ? outcome.approval.id : ''
  assert.ok(subject.decider, 'this place needs a subject with a decider')
  await subject.kernel.service(approvalsSlot).decide(id, { verdict: 'approve', by: subject.decider })
  return id
}

function endedAs(outcome: Outcome, status: readonly Outcome['status'][], codes?: readonly string[]): void {
  const seen = JSON.stringify(outcome)
  assert.ok(status.includes(outcome.status), `expected ${status.join(' or ')}, found ${seen}`)
  if (codes)
    assert.ok('code' in outcome && codes.includes(outcome.code ?? ''), `expected ${codes.join(' or ')}, found ${seen}`)
}

function withheld(outcome: Outcome): void {
  assert.ok(!('output' in outcome), 'nothing of the result may be released')
  assert.equal('effect' in outcome && outcome.effect, 'happened')
}

/** Whether a place is only told of something when the kernel starts. */
export function toldAtBoot({ point }: Place): boolean {
  return point.at === 'hook' && point.hook.id === onReady.id
}
