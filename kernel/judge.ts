// Prepares an action and collects its complete ballot; what is missing or unclear must never count as a vote for it.
import type { Action, Actor } from './action.js'
import { inputFor } from './adapt-action.js'
import type { Attempt } from './attempt.js'
import type { Limits } from './distribution.js'
import { ClonedError } from './errors.js'
import type { HookTable } from './hook-table.js'
import { beforeAction } from './hooks.js'
import { canonical, deepFreeze, type Json, sha256, snapshot } from './json.js'
import type { Runnable } from './registry.js'
import { wordProblems } from './schema.js'
import { type Fold, fold, type Vote } from './verdict.js'
import type { Words } from './words.js'

export interface Judge {
  readonly hooks: HookTable
  readonly limits: Limits
  readonly mayAllow: ReadonlySet<string>
  /** Hook id → plugins whose vote must be on the ballot. */
  readonly required: Readonly<Record<string, readonly string[]>>
  readonly now: () => number
  readonly words: Words
}

/** Snapshots, validates, transforms and freezes the input; answers the action that everybody votes on. */
export async function prepare(judge: Judge, attempt: Attempt, runnable: Runnable, actor: Actor): Promise<Action> {
  const { started, input } = attempt.request
  // An adapter gets a copy: what it is given must be what is judged.
  const given = started ? inputFor(runnable.kind, started, snapshot(input, judge.limits.input)) : input
  const first = makeAction(judge, attempt, runnable, actor, accept(judge, runnable, given))
  // A stored action is resumed as prepared: what was approved is what runs.
  if (attempt.request.resume || !runnable.kind.prepare) return first
  const transforms = judge.hooks.transform(runnable.kind.prepare)
  return transforms.run(first, (_, input: Json) =>
    makeAction(judge, attempt, runnable, actor, accept(judge, runnable, input)),
  )
}

function accept(judge: Judge, runnable: Runnable, input: unknown): Json {
  const copy = snapshot(input, judge.limits.input)
  const problems = runnable.validateInput(copy)
  if (problems.length > 0) {
    const found = { target: runnable.target, problems: wordProblems(problems) }
    throw runnable.tool
      ? new ClonedError('INPUT_INVALID', found)
      : new ClonedError('ACTION_INVALID', { kind: runnable.kind.id, ...found })
  }
  return copy
}

function makeAction(judge: Judge, attempt: Attempt, runnable: Runnable, actor: Actor, input: Json): Action {
  const { parent, resume, options } = attempt.request
  const origin = parent ? parent.action.origin : options.idempotencyKey
  attempt.inputText = canonical(input)
  const action = {
    callId: attempt.callId,
    kind: runnable.kind.id,
    target: runnable.target,
    actor,
    input,
    digest: actionDigest(runnable, actor, attempt.inputText),
    at: judge.now(),
    ...(parent ? { parent: parent.action.callId } : {}),
    ...(origin === undefined ? {} : { origin }),
    depth: attempt.depth,
    dryRun: attempt.dryRun,
    ...(resume ? { resumed: resume.approval } : {}),
    ...(runnable.tool ? { tool: runnable.tool } : {}),
  }
  return Object.freeze(action)
}

/** Binds an approval: kind, target, contract, actor and canonical input. Not the OS user: another may resume it. */
function actionDigest(runnable: Runnable, actor: Actor, inputText: string): string {
  const head = JSON.stringify([runnable.kind.id, runnable.target, runnable.contract, actor.id, actor.claimed])
  return sha256(`${head}\n${inputText}`)
}

/** Collects every vote and folds the ballot. Throws `GATE_INCOMPLETE` when a vote is missing. */
export async function vote(judge: Judge, attempt: Attempt, action: Action, runnable: Runnable): Promise<Fold> {
  const hooks = runnable.kind.guard ? [runnable.kind.guard, beforeAction] : [beforeAction]
  const votes: Vote[] = []
  const waiting: Promise<void>[] = []
  let expected = 0
  for (const hook of hooks) {
    const guards = judge.hooks.guard(hook)
    expected += guards.size
    const pending = guards.vote(action, votes)
    if (pending) waiting.push(pending)
  }
  if (waiting.length > 0) await Promise.all(waiting)
  const counted = votes.map((cast) => countOnly(cast, judge.mayAllow)).sort(byPluginThenHook)
  attempt.ballot = deepFreeze(judge.words.votes(counted))
  if (votes.length !== expected) {
    throw new ClonedError('GATE_INCOMPLETE', {
      voted: votes.length,
      expected,
      hook: hooks.map(({ id }) => id).join(' and '),
    })
  }
  for (const hook of hooks) {
    for (const plugin of judge.required[hook.id] ?? []) {
      if (votes.some((cast) => cast.plugin === plugin && cast.hook === hook.id)) continue
      throw new ClonedError('GUARD_ABSENT', { plugin, hook: hook.id })
    }
  }
  return fold(attempt.ballot, judge.mayAllow)
}

/** The error of a ballot that folded into a deny. */
export function refusal(
  judge: Judge,
  by: readonly Vote[],
  target: string,
): { code: string; reason: string; help: string } {
  const first = by[0]
  if (!first) {
    const counted = [...judge.mayAllow].map((id) => `"${id}"`).join(', ') || 'nobody may allow'
    const error = new ClonedError('NO_ALLOW', { target, counted })
    return { code: error.code, reason: error.message, help: error.help }
  }
  const plain = new ClonedError('DENIED', { plugin: first.plugin, reason: first.reason ?? '', target })
  const others = by.slice(1).map(({ plugin, reason }) => `; "${plugin}": ${reason}`)
  const own = first.code !== undefined && first.code !== 'DENIED'
  return {
    code: first.code ?? 'DENIED',
    reason: `${own ? (first.reason ?? '') : plain.message}${others.join('')}`,
    help: first.help ?? plain.help,
  }
}

function countOnly(cast: Vote, mayAllow: ReadonlySet<string>): Vote {
  return Object.freeze(cast.effect === 'allow' && !mayAllow.has(cast.plugin) ? { ...cast, counted: false } : cast)
}

function byPluginThenHook(a: Vote, b: Vote): number {
  if (a.plugin !== b.plugin) return a.plugin < b.plugin ? -1 : 1
  return a.hook < b.hook ? -1 : a.hook === b.hook ? 0 : 1
}
