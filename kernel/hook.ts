// Runs the handlers of a hook over tapable; whatever a handler does, it must never escape as an allow or as silence.
import { AsyncParallelHook, AsyncSeriesHook } from 'tapable'
import { DeadlineExceeded, isThenable, LazyContext, withDeadline } from './deadline.js'
import { ClonedError, describeThrown } from './errors.js'
import { parseVerdict, type Vote } from './verdict.js'

// Why tapable is wrapped like this, each measured on tapable 2.3.4: `.tap` does not await an async handler, `before` with
// an unknown name is ignored, a holder of the hook can replace another's function, and a tapAsync callback called twice
// runs later taps twice. So: one private instance per hook, `tapAsync` only, every callback called exactly once and
// without an error, order fixed by the planner, nothing handed out.

/** A handler with the plugin that registered it. */
export interface Registration<H> {
  readonly plugin: string
  readonly handler: H
}

type Handler<S> = (subject: S, ctx: LazyContext) => unknown

/** What one handler did. */
type Answer = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown }

/**
 * Calls a handler and reports exactly once what it did. Synchronous handlers are reported synchronously and cost no
 * promise, timer or abort signal.
 */
function invoke<S>(handler: Handler<S>, subject: S, ms: number, report: (answer: Answer) => void): void {
  const ctx = new LazyContext()
  let answer: Answer
  try {
    const value = handler(subject, ctx)
    if (isThenable(value)) {
      withDeadline(value, ms).then(
        (settled) => report({ ok: true, value: settled }),
        (error: unknown) => {
          if (error instanceof DeadlineExceeded) ctx.abort(error)
          report({ ok: false, error })
        },
      )
      return
    }
    answer = { ok: true, value }
  } catch (error) {
    answer = { ok: false, error }
  }
  report(answer)
}

/** Starts `run` and answers nothing when it ended at once, or a promise of its end. */
function started(run: (done: () => void) => void): Promise<void> | undefined {
  let ended = false
  let resolve: (() => void) | undefined
  run(() => {
    ended = true
    resolve?.()
  })
  return ended ? undefined : new Promise<void>((settle) => (resolve = settle))
}

/** Collects one vote from every guard of a hook, in no order that matters. */
export class GuardHookRunner<S> {
  readonly #hook = new AsyncParallelHook<[S, Vote[]]>(['subject', 'votes'])
  /** How many votes a complete ballot has from this hook. */
  readonly size: number

  constructor(hookId: string, registrations: readonly Registration<Handler<S>>[], ms: number) {
    this.size = registrations.length
    for (const { plugin, handler } of registrations) {
      this.#hook.tapAsync(plugin, (subject, votes, done) => {
        invoke(handler, subject, ms, (answer) => {
          votes.push(voteOf(plugin, hookId, answer))
          done()
        })
      })
    }
  }

  /** Adds exactly one vote per guard; answers nothing when every guard answered synchronously. */
  vote(subject: S, votes: Vote[]): Promise<void> | undefined {
    return this.size === 0 ? undefined : started((done) => this.#hook.callAsync(subject, votes, done))
  }
}

function voteOf(plugin: string, hook: string, answer: Answer): Vote {
  if (!answer.ok) return failedVote(plugin, hook, answer.error)
  try {
    const verdict = parseVerdict(answer.value)
    if (verdict === undefined) return { plugin, hook, effect: 'abstain' }
    if (verdict !== 'invalid') return { plugin, hook, ...verdict }
    return denyVote(plugin, hook, new ClonedError('GUARD_INVALID', { plugin, hook, found: shape(answer.value) }))
  } catch (error) {
    return failedVote(plugin, hook, error)
  }
}

function failedVote(plugin: string, hook: string, error: unknown): Vote {
  return denyVote(
    plugin,
    hook,
    error instanceof DeadlineExceeded
      ? new ClonedError('GUARD_TIMEOUT', { plugin, hook, ms: error.ms })
      : new ClonedError('GUARD_THREW', { plugin, hook, cause: describeThrown(error) }),
  )
}

function denyVote(plugin: string, hook: string, error: ClonedError): Vote {
  return { plugin, hook, effect: 'deny', reason: error.message, code: error.code, help: error.help }
}

function shape(value: unknown): string {
  if (value === null) return 'null'
  return typeof value === 'object' ? 'an object that is no verdict' : `${typeof value} ${String(value).slice(0, 40)}`
}

/** Lets each handler of a hook replace a value in turn; the first failure ends it. */
export class TransformHookRunner<S, Out> {
  readonly #hook = new AsyncSeriesHook<[Folding<S, Out>]>(['folding'])
  readonly #hookId: string
  readonly size: number

  constructor(hookId: string, registrations: readonly Registration<Handler<S>>[], ms: number) {
    this.#hookId = hookId
    this.size = registrations.length
    for (const { plugin, handler } of registrations) {
      this.#hook.tapAsync(plugin, (folding, done) => {
        if (folding.failure) return done()
        invoke(handler, folding.subject, ms, (answer) => {
          this.#take(plugin, folding, answer)
          done()
        })
      })
    }
  }

  /**
   * Folds `subject` through every handler. `next` makes the next subject of a handler's answer and may throw; so does
   * this, with `TRANSFORM_FAILED`, for anything that goes wrong.
   */
  run(subject: S, next: (current: S, out: Out, plugin: string) => S): S | Promise<S> {
    if (this.size === 0) return subject
    const folding: Folding<S, Out> = { subject, next, failure: undefined }
    const end = () => {
      if (folding.failure) throw folding.failure
      return folding.subject
    }
    const pending = started((done) => this.#hook.callAsync(folding, done))
    return pending ? pending.then(end) : end()
  }

  #take(plugin: string, folding: Folding<S, Out>, answer: Answer): void {
    try {
      if (!answer.ok) throw answer.error
      if (answer.value !== undefined) folding.subject = folding.next(folding.subject, answer.value as Out, plugin)
    } catch (error) {
      const params = { plugin, hook: this.#hookId, cause: describeThrown(error) }
      folding.failure = new ClonedError('TRANSFORM_FAILED', params, { plugin, cause: error })
    }
  }
}

interface Folding<S, Out> {
  subject: S
  readonly next: (current: S, out: Out, plugin: string) => S
  failure: ClonedError | undefined
}

/** Tells every handler of a hook; what they do is handed to `report` and changes nothing else. */
export class EventHookRunner<S> {
  readonly #hook = new AsyncParallelHook<[S, (plugin: string, answer: Answer) => void]>(['subject', 'report'])
  readonly size: number

  constructor(registrations: readonly Registration<Handler<S>>[], ms: number) {
    this.size = registrations.length
    for (const { plugin, handler } of registrations) {
      this.#hook.tapAsync(plugin, (subject, report, done) => {
        invoke(handler, subject, ms, (answer) => {
          report(plugin, answer)
          done()
        })
      })
    }
  }

  /** Answers nothing when every handler ended synchronously. Never rejects. */
  tell(subject: S, report: (plugin: string, answer: Answer) => void): Promise<void> | undefined {
    return this.size === 0 ? undefined : started((done) => this.#hook.callAsync(subject, report, done))
  }
}

/** Asks each handler of a hook in turn until one refuses. Each answer is handed to `step`, which says whether to go on. */
export class SeriesHookRunner<S> {
  readonly #hook = new AsyncSeriesHook<[S, { go: boolean; step: (plugin: string, answer: Answer) => boolean }]>([
    'subject',
    'walk',
  ])

  constructor(registrations: readonly Registration<Handler<S>>[], ms: number) {
    for (const { plugin, handler } of registrations) {
      this.#hook.tapAsync(plugin, (subject, walk, done) => {
        if (!walk.go) return done()
        invoke(handler, subject, ms, (answer) => {
          walk.go = walk.step(plugin, answer)
          done()
        })
      })
    }
  }

  /** `step` must not throw. Answers nothing when every handler ended synchronously. */
  walk(subject: S, step: (plugin: string, answer: Answer) => boolean): Promise<void> | undefined {
    return started((done) => this.#hook.callAsync(subject, { go: true, step }, done))
  }
}
