// Decides which tools of a list are the ones that a person has agreed to; whatever differs in a single character is another tool.
import { setImmediate as others } from 'node:timers/promises'
import { describeThrown, digest, type Json, type JsonObject, snapshot } from 'cloned/kernel'
import { gateSchema } from './gate-schema.js'
import { isObject } from './peer.js'

/** A server says more of one tool only to be unreadable. */
const CONTRACT = { depth: 64, bytes: 256 * 1024 }
const MAX_NAME = 200
/** How long others wait while tools of a list are judged; one tool takes longer only to do harm. */
const TURN_MS = 10

/** A list of tools, gone through one by one. */
export interface Listed {
  /** By name, in the order of the list; frozen. */
  readonly sound: ReadonlyMap<string, JsonObject>
  /** Why the others cannot be used. */
  readonly broken: ReadonlyMap<string, string>
}

/** How the tools of a server stand, by name. */
export type Standing =
  | { readonly state: 'same' }
  /** `contract`: as it is now, and to be agreed to. */
  | { readonly state: 'new' | 'changed'; readonly contract: JsonObject }
  | { readonly state: 'gone' }
  | { readonly state: 'broken'; readonly problem: string }

/** Takes turns with whatever else the process has to do: lists are as long as servers like. */
export async function goThrough(list: readonly Json[]): Promise<Listed> {
  const sound = new Map<string, JsonObject>()
  const broken = new Map<string, string>()
  let since = performance.now()
  for (const [i, item] of list.entries()) {
    if (performance.now() - since > TURN_MS) {
      await others()
      since = performance.now()
    }
    const named = isObject(item) && typeof item['name'] === 'string' && item['name'] !== '' ? item['name'] : undefined
    const name = named?.slice(0, MAX_NAME).toWellFormed() ?? `#${i + 1}`
    const problem =
      named === undefined ? 'it has no name' : named !== name ? 'its name is too long or no text' : undefined
    if (sound.has(name) || broken.has(name)) {
      sound.delete(name)
      broken.set(name, 'its server lists it twice')
      continue
    }
    const contract = problem ?? sounded(item)
    if (typeof contract === 'string') broken.set(name, contract)
    else sound.set(name, contract)
  }
  return { sound, broken }
}

/** Contracts that were found sound once: lists come again and again. */
const known = new Map<string, JsonObject>()

function sounded(item: Json): JsonObject | string {
  try {
    const contract = snapshot(item, CONTRACT) as JsonObject
    const hash = digest(contract)
    const before = known.get(hash)
    if (before) return before
    const { inputSchema } = contract
    if (!isObject(inputSchema)) return 'it has no schema of its input'
    gateSchema(inputSchema)
    if (known.size > 5_000) known.clear()
    known.set(hash, contract)
    return contract
  } catch (error) {
    return `it cannot be judged: ${describeThrown(error)}`.slice(0, 300).toWellFormed()
  }
}

/** How what a server lists now stands to what was agreed to. */
export function standings(pinned: readonly JsonObject[], { sound, broken }: Listed): ReadonlyMap<string, Standing> {
  const all = new Map<string, Standing>()
  const before = new Map(pinned.map((contract) => [String(contract['name']), digest(contract)]))
  for (const [name, contract] of sound) {
    const agreed = before.get(name)
    const state = agreed === undefined ? 'new' : agreed === digest(contract) ? 'same' : 'changed'
    all.set(name, state === 'same' ? { state } : { state, contract })
  }
  for (const [name, problem] of broken) all.set(name, { state: 'broken', problem })
  for (const name of before.keys()) if (!all.has(name)) all.set(name, { state: 'gone' })
  return all
}
