// Runs the pinned handler and filters what comes back; a result that no filter and schema has passed must never leave.
import type { Action } from './action.js'
import type { Attempt } from './attempt.js'
import { isThenable } from './deadline.js'
import type { Limits } from './distribution.js'
import { ClonedError, describeThrown } from './errors.js'
import type { HookTable } from './hook-table.js'
import type { ReplaceResult, ResultSubject, Withhold } from './hooks.js'
import { type Json, snapshot } from './json.js'
import type { Failed } from './outcome.js'
import type { Runnable } from './registry.js'
import { wordProblems } from './schema.js'
import { Scope, type ScopeHost } from './scope.js'
import type { Words } from './words.js'

/** What came of a dispatch, before it is recorded. */
export type Dispatched =
  | { readonly ok: true; readonly output: Json }
  | {
      readonly ok: false
      readonly effect: Failed['effect']
      readonly code: string
      readonly reason: string
      readonly help: string
    }

export interface Dispatcher {
  readonly hooks: HookTable
  readonly limits: Limits
  readonly words: Words
  readonly scopeHost: Omit<ScopeHost, 'progress'>
}

/** Runs the handler. Never throws: whatever happens is an answer that says what is known of the effect. */
export async function dispatch(
  dispatcher: Dispatcher,
  attempt: Attempt,
  action: Action,
  runnable: Runnable,
): Promise<Dispatched> {
  const { options } = attempt.request
  const deadlineAt = Math.min(performance.now() + runnable.timeoutMs, attempt.deadlineAt)
  const filter = (part: ResultSubject['part'], value: Json) => filtered(dispatcher, runnable, action, part, value)
  const progress = (message: Json) => {
    if (!options.onProgress) return
    // A message that a filter refuses or withholds is not shown; the result itself is filtered on its own.
    Promise.resolve(message)
      .then((value) => filter('progress', snapshot(value, dispatcher.limits.output)))
      .then(options.onProgress)
      .catch(() => undefined)
  }
  const scope = new Scope(action, deadlineAt, { ...dispatcher.scopeHost, progress })
  const ran = await run(runnable, scope, attempt, action, deadlineAt)
  try {
    await scope.end()
    return ran.ok
      ? await release(dispatcher, runnable, filter, ran.output)
      : { ...ran, reason: await errorText(filter, ran.reason), help: await errorText(filter, ran.help) }
  } catch (error) {
    const known = error instanceof ClonedError ? error : new ClonedError('GATE_FAULT', { cause: describeThrown(error) })
    const effect = ran.ok ? 'happened' : ran.effect
    return { ok: false, effect, code: known.code, reason: known.message, help: known.help }
  }
}

async function release(
  { limits }: Dispatcher,
  runnable: Runnable,
  filter: (part: 'output', value: Json) => Json | Promise<Json>,
  raw: unknown,
): Promise<Dispatched> {
  let output: Json
  try {
    output = snapshot(raw === undefined ? null : raw, limits.output)
  } catch (error) {
    throw new ClonedError('OUTPUT_INVALID', { target: runnable.target, problems: describeThrown(error) })
  }
  const passing = filter('output', output)
  output = isThenable(passing) ? await passing : passing
  const problems = runnable.validateOutput?.(output) ?? []
  if (problems.length > 0)
    throw new ClonedError('OUTPUT_INVALID', { target: runnable.target, problems: wordProblems(problems) })
  return { ok: true, output }
}

async function errorText(
  filter: (part: 'error', value: Json) => Json | Promise<Json>,
  reason: string,
): Promise<string> {
  const value = await filter('error', reason.toWellFormed())
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** Passes a value through the filters of its kind, and what they leave through the scrubber. Throws what withholds it. */
function filtered(
  { hooks, limits, words }: Dispatcher,
  { kind }: Runnable,
  action: Action,
  part: ResultSubject['part'],
  value: Json,
) {
  const release = (passed: Json) => words.json(passed, part, action.callId)
  if (!kind.filter) return release(value)
  const subject = Object.freeze({ call: action, part, value }) as ResultSubject
  const next = (current: ResultSubject, out: ReplaceResult | Withhold, plugin: string): ResultSubject => {
    if ('withhold' in out) throw new ClonedError('RESULT_WITHHELD', { plugin, reason: String(out.withhold) })
    return Object.freeze({ ...current, value: snapshot(out.value, limits.output) })
  }
  let folded: ResultSubject | Promise<ResultSubject>
  try {
    folded = hooks.transform(kind.filter).run(subject, next)
  } catch (error) {
    return withheld(error)
  }
  return folded instanceof Promise ? folded.then((passed) => release(passed.value), withheld) : release(folded.value)
}

function withheld(error: unknown): never {
  if (!(error instanceof ClonedError) || error.code !== 'TRANSFORM_FAILED') throw error
  if (error.cause instanceof ClonedError && error.cause.code === 'RESULT_WITHHELD') throw error.cause
  const plugin = error.plugin ?? '?'
  throw new ClonedError(
    'RESULT_WITHHELD',
    { plugin, reason: `its filter failed (${describeThrown(error.cause)})` },
    { cause: error },
  )
}

type Ran = { readonly ok: true; readonly output: unknown } | Extract<Dispatched, { ok: false }>

/** Runs to the end, the deadline or the cancel, whichever is first. A handler that ends at once costs no timer. */
function run(
  runnable: Runnable,
  scope: Scope,
  attempt: Attempt,
  action: Action,
  deadlineAt: number,
): Ran | Promise<Ran> {
  try {
    const result = runnable.run(action.input, scope, action)
    if (!isThenable(result)) return { ok: true, output: result }
    return bounded(runnable, scope, Promise.resolve(result), deadlineAt, attempt.request.options.signal)
  } catch (error) {
    return thrown(runnable, error)
  }
}

function bounded(
  runnable: Runnable,
  scope: Scope,
  running: Promise<unknown>,
  deadlineAt: number,
  signal: AbortSignal | undefined,
): Promise<Ran> {
  const { target } = runnable
  return new Promise<Ran>((resolve) => {
    const ms = Math.max(0, deadlineAt - performance.now())
    const timer = setTimeout(() => {
      scope.abort(new Error('deadline exceeded'))
      end(unknownEffect(new ClonedError('HANDLER_TIMEOUT', { target, ms: Math.round(ms) })))
    }, ms)
    const cancel = () => {
      scope.abort(signal?.reason)
      const help = 'Find out whether it happened before you repeat it.'
      end(unknownEffect(new ClonedError('CANCELLED', { target, when: 'while it ran', help })))
    }
    const end = (ran: Ran) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', cancel)
      resolve(ran)
    }
    running.then(
      (output) => end({ ok: true, output }),
      (error: unknown) => end(thrown(runnable, error)),
    )
    // The handler may have aborted it while it was starting.
    if (signal?.aborted) cancel()
    else signal?.addEventListener('abort', cancel, { once: true })
  })
}

function unknownEffect(error: ClonedError): Ran {
  return { ok: false, effect: 'unknown', code: error.code, reason: error.message, help: error.help }
}

/** A code is a name for programs: no room for a value that a filter would have to find. */
const CODE = /^[A-Z][A-Z0-9_]{0,63}$/

/** Reads what a handler says of its failure by shape, so that an error of another copy of the package counts too. */
function thrown(runnable: Runnable, error: unknown): Ran {
  const plain = unknownEffect(
    new ClonedError('HANDLER_FAILED', { target: runnable.target, cause: describeThrown(error) }),
  )
  try {
    const said = error as { name?: unknown; effect?: unknown; code?: unknown; help?: unknown } | null | undefined
    if (plain.ok || said?.name !== 'HandlerError') return plain
    const code = typeof said.code === 'string' && CODE.test(said.code) ? said.code : plain.code
    const effect = said.effect === 'none' || said.effect === 'happened' ? said.effect : 'unknown'
    const help = typeof said.help === 'string' ? said.help : plain.help
    const reason = code === plain.code ? plain.reason : describeThrown(error)
    return { ok: false, effect, code, reason, help }
  } catch {
    // An error whose getters throw says nothing that could be believed.
    return plain
  }
}
