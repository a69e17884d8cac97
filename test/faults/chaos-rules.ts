// Holds what a killed workspace was found to be against the rules that must hold whatever happens; must excuse nothing.
import { readFileSync } from 'node:fs'
import type { JsonObject } from 'cloned/kernel'
import type { Findings } from '../fixtures/chaos/checker.js'
import { COST } from '../fixtures/chaos/options.js'
import { ONCE } from '../fixtures/chaos/tools.js'

/** Everything the rules are about. */
export interface Evidence {
  readonly found: Findings
  /** What every process has said, the dead and the living. */
  readonly said: readonly string[]
  /** The lines that tools have left. */
  readonly effects: readonly string[]
  /** How many calls the budget pays for. */
  readonly limit: number
  /** A process that lives, with a call in flight; its other calls have been answered. */
  readonly living?: { readonly instance: string; readonly call: string }
  /** Whether every run was carried to its end. */
  readonly resumed?: boolean
}

/** A call as the log tells it. */
interface Told {
  readonly intent?: JsonObject
  readonly outcomes: readonly JsonObject[]
}

/** Every rule that is broken, in words; empty when all hold. */
export function violations(evidence: Evidence): readonly string[] {
  const calls = callsOf(evidence.found)
  return [chain, acknowledged, world, ends, approvals, budgets, runs, members].flatMap((rule) => [
    ...rule(evidence, calls),
  ])
}

/** The lines that tools have left in a file. */
export function readEffects(path: string): readonly string[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

type Calls = ReadonlyMap<string, Told>

function callsOf({ log }: Findings): Calls {
  const calls = new Map<string, { intent?: JsonObject; outcomes: JsonObject[] }>()
  for (const { record } of log) {
    const { type, call_id: id } = record
    if (typeof id !== 'string' || typeof type !== 'string' || !type.startsWith('tool.')) continue
    const call = calls.get(id) ?? { outcomes: [] }
    if (type === 'tool.intent') call.intent = record
    else call.outcomes.push(record)
    calls.set(id, call)
  }
  return calls
}

/** Unbroken before and after recovery; a torn end is the one exception, and recovery records it. */
function* chain({ found: { verifiedBefore, verifiedAfter, log } }: Evidence): Iterable<string> {
  if (!verifiedAfter.ok) yield `after recovery the log is ${verifiedAfter.kind}: ${verifiedAfter.message}`
  if (verifiedBefore.ok) return
  if (verifiedBefore.kind !== 'torn') {
    yield `before recovery the log was ${verifiedBefore.kind}: ${verifiedBefore.message}`
  } else if (!log.some(({ record }) => record['type'] === 'log.recover')) yield 'a torn end was not recorded'
}

/** Nothing that anybody was told is lost: receipts, outcomes, decisions, runs. */
function* acknowledged({ found, said, effects }: Evidence, calls: Calls): Iterable<string> {
  for (const line of said) {
    const [word = '', id = '', hash] = line.split(' ')
    if (word === 'ack') {
      if (found.log[Number(id) - 1]?.hash !== hash) yield `record ${id} was acknowledged and is lost`
    } else if (word === 'decided') {
      if ((found.approvals[id] ?? 'pending') === 'pending') yield `the decision on ${id} was acknowledged and is lost`
    } else if (word === 'run') {
      if (found.runs[id] === undefined) yield `run ${id} was acknowledged and is lost`
    } else if (word === 'denied-unrecorded') {
      // Said openly, so it need not be in the log; it must be true all the same.
      if (effects.some((effect) => effect.startsWith(`${id} `))) yield `call ${id} was answered with denied and ran`
    } else if (['done', 'denied', 'pending', 'failed'].includes(word)) {
      const status = calls.get(id)?.outcomes[0]?.['status']
      if (status !== word) yield `call ${id} was answered with ${word} and is recorded as ${status}`
    }
  }
}

/** What ran has an intent and ran once; what says that it did nothing left nothing; what says it is done left a line. */
function* world({ effects }: Evidence, calls: Calls): Iterable<string> {
  const ran = new Map<string, number>()
  const once = new Map<string, number>()
  for (const line of effects) {
    const [id = '', tool = '', name = ''] = line.split(' ')
    ran.set(id, (ran.get(id) ?? 0) + 1)
    if (tool === ONCE) once.set(name, (once.get(name) ?? 0) + 1)
  }
  for (const [id, times] of ran) {
    if (!calls.get(id)?.intent) yield `call ${id} ran without an intent`
    if (times > 1) yield `call ${id} ran ${times} times`
  }
  for (const [name, times] of once) if (times > 1) yield `the step ${name} must not be repeated and ran ${times} times`
  for (const [id, { outcomes }] of calls) {
    for (const outcome of outcomes) {
      if (outcome['status'] === 'done' && !ran.has(id)) yield `call ${id} is recorded as done and left nothing`
      if (ranNothing(outcome) && ran.has(id)) yield `call ${id} is recorded as without effect and left something`
    }
  }
}

/** Every call has one end; those of the living have none before they end. */
function* ends({ living }: Evidence, calls: Calls): Iterable<string> {
  for (const [id, { intent, outcomes }] of calls) {
    if (id === living?.call) {
      if (outcomes.length > 0) yield `call ${id} of a living process was ended by somebody else`
    } else if (intent && outcomes.length === 0) yield `call ${id} has an intent and no end`
    if (outcomes.length > 1) yield `call ${id} has ${outcomes.length} ends`
  }
  if (living && !calls.get(living.call)?.intent) yield `call ${living.call} of a living process is gone`
}

/** An approval lets one call through. One that was given back, because nothing ran, may be used again. */
function* approvals(_: Evidence, calls: Calls): Iterable<string> {
  const used = new Map<unknown, string>()
  for (const [id, { intent, outcomes }] of calls) {
    const approval = intent?.['approval']
    if (approval === undefined || outcomes.some(ranNothing)) continue
    const other = used.get(approval)
    if (other) yield `approval ${approval} was used twice, by ${other} and ${id}`
    used.set(approval, id)
  }
}

/** To the millionth: one price for each call that ran or may have run, never over the limit, nothing left taken. */
function* budgets({ found, limit, living }: Evidence, calls: Calls): Iterable<string> {
  const paid = [...calls.values()].filter(({ intent, outcomes }) => intent && !outcomes.some(ranNothing)).length
  const price = Math.round(COST * 1_000_000)
  if (found.used !== paid * price) yield `${paid} calls ran or may have, and the budget counts ${found.used / price}`
  if (paid > limit) yield `the budget was ${limit} calls and ${paid} ran or may have`
  for (const id of found.unsettled) {
    // The living settle behind the answer.
    const own = living && calls.get(id)?.intent?.['instance'] === living.instance
    if (!own) yield `call ${id} has ended and is left taken`
  }
  if (living && !found.unsettled.includes(living.call)) yield `what a living process has taken was settled by another`
}

/** Carried on, every run ends well, but for one whose step may have happened and must not be repeated. */
function* runs({ found, resumed = false }: Evidence): Iterable<string> {
  if (!resumed) return
  for (const [id, state] of Object.entries(found.runs)) {
    if (state !== 'done' && state !== 'failed RUN_STEP_INDETERMINATE') yield `run ${id} is ${state}`
  }
}

/** Nobody is left behind as dead, nor is one who lives forgotten. */
function* members({ found, living }: Evidence): Iterable<string> {
  for (const id of found.instances) if (id !== living?.instance) yield `instance ${id} is gone and was not recovered`
  if (living && !found.instances.includes(living.instance)) yield `instance ${living.instance} lives and was forgotten`
}

function ranNothing(outcome: JsonObject): boolean {
  return outcome['status'] === 'denied' || outcome['effect'] === 'none'
}
