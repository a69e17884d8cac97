// Lets a handler that was built for a neighbouring contract of its hook stand on it; must never change what it answers.
import { adapt } from './adapter.js'
import type { Reserve } from './contracts.js'
import { isThenable } from './deadline.js'
import type { Hook } from './hooks.js'

type Callable = (subject: unknown, ctx: unknown) => unknown

/** The handler of a hook that is fired as `fired`, of a plugin that was built for `built`. */
export function adaptHandler(handler: unknown, fired: Hook, built: Hook): unknown {
  if (fired.contract === built.contract) return handler
  const seen = (subject: unknown) => adapt(subject, fired, built)
  if (built.kind === 'reserve') {
    const reserve = handler as Reserve<unknown>
    return {
      peek: (action) => reserve.peek(seen(action)),
      take: (ref, action) => reserve.take(ref, seen(action)),
      settle: (callId, how, seq) => reserve.settle(callId, how, seq),
      unsettled: (instance) => reserve.unsettled(instance),
      settledUpTo: (instance) => reserve.settledUpTo(instance),
      restore: (ref, token) => reserve.restore(ref, token),
    } satisfies Reserve<unknown>
  }
  const call = handler as Callable
  const answers = (hook: Hook) => ({
    contract: hook.contract,
    ...('answers' in hook && hook.answers ? { previous: hook.answers } : {}),
  })
  const answered = (value: unknown) =>
    value === undefined || built.kind !== 'transform' ? value : adapt(value, answers(built), answers(fired))
  return (subject: unknown, ctx: unknown) => {
    const value = call(seen(subject), ctx)
    return isThenable(value) ? value.then(answered) : answered(value)
  }
}
