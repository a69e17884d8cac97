// Takes budgets and rate limits for a call, all of them or none; an unclear answer must never count as taken.
import type { Action } from './action.js'
import type { Attempt } from './attempt.js'
import type { TakeAnswer } from './contracts.js'
import { ClonedError, describeThrown } from './errors.js'
import type { HookTable } from './hook-table.js'
import type { Hook } from './hooks.js'
import { type Json, snapshot } from './json.js'

/** Takes from every reserve in turn. Throws on the first refusal or failure; the caller releases what was taken. */
export async function reserve(
  hooks: HookTable,
  hook: Hook,
  attempt: Attempt,
  action: Action,
  instance: string,
): Promise<void> {
  const runner = hooks.reserve(hook)
  if (runner.takers.size === 0) return
  let refused: ClonedError | undefined
  await runner.take.walk({ action, ref: attempt.ref(instance) }, (plugin, answer) => {
    const taken = read(plugin, hook.id, answer)
    const from = runner.takers.get(plugin)
    if (taken instanceof ClonedError) refused = taken
    if (from && !(taken instanceof ClonedError) && taken !== null)
      attempt.takes.add({ taker: plugin, from, token: taken })
    // An answer that was lost or cannot be read may still have taken something: settle it with the rest.
    if (from && taken instanceof ClonedError && taken.code === 'RESERVE_FAILED') {
      attempt.takes.add({ taker: plugin, from, token: null })
    }
    return refused === undefined
  })
  if (refused) throw refused
}

/** What each reserve would take, by plugin, or the first refusal. */
export async function peek(hooks: HookTable, hook: Hook, action: Action): Promise<Record<string, Json> | ClonedError> {
  const runner = hooks.reserve(hook)
  const found: Record<string, Json> = {}
  let refused: ClonedError | undefined
  if (runner.takers.size === 0) return found
  await runner.peek.walk({ action }, (plugin, answer) => {
    const taken = read(plugin, hook.id, answer)
    if (taken instanceof ClonedError) refused = taken
    else found[plugin] = taken
    return refused === undefined
  })
  return refused ?? found
}

function read(
  plugin: string,
  hook: string,
  answer: { ok: true; value: unknown } | { ok: false; error: unknown },
): Json | ClonedError {
  const failed = (cause: string) => new ClonedError('RESERVE_FAILED', { plugin, hook, cause }, { plugin })
  if (!answer.ok) return failed(describeThrown(answer.error))
  try {
    const given = answer.value as TakeAnswer | null | undefined
    if (given?.ok === true) return snapshot(given.token)
    if (given?.ok !== false || typeof given.reason !== 'string') return failed('its answer is no take')
    const { reason, code, help } = given
    const refused = new ClonedError('RESERVE_REFUSED', { plugin, reason, help: help ?? 'Wait for the window to end.' })
    return typeof code === 'string' ? Object.assign(refused, { given: code }) : refused
  } catch (error) {
    return failed(describeThrown(error))
  }
}
