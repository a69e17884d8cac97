// Reads the text of a pack or overlay into a typed document; must never hand on one that breaks a single rule.
import { createRequire } from 'node:module'
import { ClonedError, type JsonObject, parseYaml } from 'cloned/kernel'
import { locate } from './lines.js'
import type { Answer, EgressLists, EgressRule, PolicySnapshot } from './slot.js'

/** A built-in pack. */
export type PackName = PolicySnapshot['pack']

/** A pack or an overlay as its file says it (schemas/policy_pack.schema.json). */
export interface PolicyDocument {
  readonly version: 1
  readonly pack: PackName
  readonly change?: { readonly by?: string; readonly at?: string; readonly reason?: string }
  readonly tools?: {
    readonly deny?: readonly string[]
    readonly ask?: readonly string[]
    readonly allow?: readonly string[]
    readonly risk?: Readonly<Partial<Record<'low' | 'medium' | 'high', Answer>>>
  }
  readonly actions?: Readonly<Record<string, Answer>>
  readonly approvals?: { readonly expires?: string; readonly self_decision?: boolean }
  readonly budgets?: readonly CapEntry[]
  readonly egress?: {
    readonly global?: EgressEntries
    readonly connectors?: Readonly<Record<string, EgressEntries>>
    readonly tools?: Readonly<Record<string, EgressEntries>>
  }
}

/** Rules of one scope as a file says them. */
export type EgressEntries = { readonly [List in keyof EgressLists]?: readonly Omit<EgressRule, 'at'>[] }

/** A cap as a file says it. */
export interface CapEntry {
  readonly category: string
  readonly limit: number
  readonly window: string
  readonly tools?: readonly string[]
}

interface Problem {
  readonly path: readonly (string | number)[]
  readonly problem: string
}

const require = createRequire(import.meta.url)
let schema: JsonObject | undefined

/** Parses and checks. `path` is for the texts of errors. Throws `FILE_INVALID` with path, line and every problem. */
export function parseDocument(text: string, { path, pack }: { path: string; pack: PackName }): PolicyDocument {
  schema ??= require('cloned/schemas/policy_pack.schema.json') as JsonObject
  const document = parseYaml(text, { path, schema }) as unknown as PolicyDocument
  const problems = [...wrongPack(document, pack), ...wrongActions(document), ...repeatedCaps(document)]
  const first = problems[0]
  if (first) {
    const line = locate(text)(first.path)
    const words = problems.map(({ path: at, problem }) => `/${at.join('/')} ${problem}`).join('; ')
    throw new ClonedError('FILE_INVALID', { path, line: line === undefined ? '' : `:${line}`, problem: words })
  }
  return document
}

/** Milliseconds of `90s`, `15m`, `24h` or `7d`. */
export function durationMs(text: string): number {
  const unit = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[text.slice(-1)]
  const count = Number(text.slice(0, -1))
  if (unit === undefined || !Number.isSafeInteger(count)) throw new RangeError(`"${text}" is not a duration`)
  return count * unit
}

function wrongPack(document: PolicyDocument, pack: PackName): Problem[] {
  if (document.pack === pack) return []
  return [{ path: ['pack'], problem: `must be ${pack}, the pack that this file lies on` }]
}

function wrongActions({ actions = {} }: PolicyDocument): Problem[] {
  const problems: Problem[] = []
  if (Object.hasOwn(actions, 'tool.call')) {
    problems.push({ path: ['actions', 'tool.call'], problem: 'is not a place for tool calls: use tools' })
  }
  // Else one careless line would let whoever may call the gate rewrite every other rule unasked.
  if (Object.hasOwn(actions, 'policy.write') && actions['policy.write'] === 'allow') {
    problems.push({ path: ['actions', 'policy.write'], problem: 'must be ask or deny' })
  }
  return problems
}

function repeatedCaps({ budgets = [] }: PolicyDocument): Problem[] {
  const seen = new Set<string>()
  return budgets.flatMap((cap, index) => {
    const key = `${capKey(cap)} ${durationMs(cap.window)}`
    if (!seen.has(key)) {
      seen.add(key)
      return []
    }
    return [{ path: ['budgets', index], problem: 'repeats a cap of the same category, tools and window' }]
  })
}

/** Caps with one key are about the same thing: those of an overlay replace those of the pack. */
export function capKey({ category, tools }: Pick<CapEntry, 'category' | 'tools'>): string {
  return JSON.stringify([category, tools === undefined ? null : [...new Set(tools)].sort()])
}
