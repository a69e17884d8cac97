// Words what a person agrees to when they agree to tools of a server; whatever a model would read of them, they can read.
import { setImmediate } from 'node:timers/promises'
import { digest, type Json, type JsonObject } from 'cloned/kernel'
import { INSTRUCTIONS } from './lists.js'
import { isObject } from './peer.js'
import type { Suspicion } from './scan/scan.js'

const MAX_SHOWN = 20
const MAX_SUSPICIONS = 12

/** Two lists of contracts, by the names of the tools. */
export interface ListChange {
  readonly added: readonly string[]
  readonly changed: readonly string[]
  readonly removed: readonly string[]
}

export function changeOf(before: readonly JsonObject[], after: readonly JsonObject[]): ListChange {
  const digests = (list: readonly JsonObject[]) => new Map(list.map((each) => [String(each['name']), digest(each)]))
  const [old, next] = [digests(before), digests(after)]
  const names = [...next.keys()]
  return {
    added: names.filter((name) => !old.has(name)),
    changed: names.filter((name) => old.has(name) && old.get(name) !== next.get(name)),
    removed: [...old.keys()].filter((name) => !next.has(name)),
  }
}

/** What was found in the tools that were not agreed to before, by name. */
export interface Looked {
  readonly suspicious: ReadonlyMap<string, readonly Suspicion[]>
  /** Tools that there was no time to look at. */
  readonly unseen: number
}

/** Looks at them for as long as there is time; guards have little. */
export async function suspicionsIn(
  tools: readonly JsonObject[],
  change: ListChange,
  others: readonly string[],
  budgetMs = Number.POSITIVE_INFINITY,
): Promise<Looked> {
  // Its patterns are many, and most processes look at nothing.
  const { scanTool } = await import('./scan/scan.js')
  const until = performance.now() + budgetMs
  const names = [...others, ...tools.map(({ name }) => String(name))]
  const fresh = new Set([...change.added, ...change.changed])
  const suspicious = new Map<string, readonly Suspicion[]>()
  let unseen = 0
  for (const tool of tools) {
    const name = String(tool['name'])
    if (!fresh.has(name)) continue
    if (performance.now() > until) {
      unseen++
      continue
    }
    // A text takes as long as it is: others have their turn in between.
    await setImmediate()
    const found = scanTool(tool, names)
    if (found.length > 0) suspicious.set(name, found)
  }
  return { suspicious, unseen }
}

/** Clauses for the person who decides. */
export function describeChange(name: string, change: ListChange, { suspicious, unseen }: Looked): readonly string[] {
  const clause = (verb: string, names: readonly string[]) => (names.length === 0 ? [] : [`${verb} ${listed(names)}`])
  const warnings = [...suspicious].flatMap(([tool, all]) =>
    all.map(
      ({ kind, path, excerpt }) => `SUSPICIOUS: ${nameOf(tool)} at ${path} (${kind}): ${JSON.stringify(excerpt)}`,
    ),
  )
  const more = warnings.length - MAX_SUSPICIONS
  const said = [
    ...clause('add', change.added),
    ...clause('take as they are now', change.changed),
    ...clause('take away', change.removed),
  ]
  return [
    `tools of the MCP server ${name}: ${said.length === 0 ? 'nothing changes' : said.join('; ')}`,
    ...warnings.slice(0, MAX_SUSPICIONS),
    ...(more > 0 ? [`and ${more} more that is suspicious`] : []),
    ...(unseen > 0 ? [`${unseen} more tools were not looked at for orders to models: cloned mcp diff ${name}`] : []),
  ]
}

/** Every contract, whole, as text. */
export function textOf(tools: readonly JsonObject[]): string {
  return tools.map((tool) => `${nameOf(String(tool['name']))}\n${JSON.stringify(tool, null, 2)}\n`).join('\n')
}

/** What differs between two contracts: where, and what stands there. */
export function differences(before: Json | undefined, after: Json | undefined, path = ''): readonly string[] {
  if (isObject(before) && isObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()
    return names.flatMap((name) => differences(before[name], after[name], `${path}/${name}`))
  }
  if (before !== undefined && after !== undefined && digest(before) === digest(after)) return []
  const lines = (sign: string, value: Json | undefined) =>
    value === undefined ? [] : [`  ${sign} ${JSON.stringify(value)}`]
  return [path === '' ? '/' : path, ...lines('-', before), ...lines('+', after)]
}

function listed(names: readonly string[]): string {
  const more = names.length > MAX_SHOWN ? ` and ${names.length - MAX_SHOWN} more` : ''
  return `${names.slice(0, MAX_SHOWN).map(nameOf).join(', ')}${more}`
}

/** A name that could read as something else stands in quotes, on one line. */
export function nameOf(name: string): string {
  if (name === INSTRUCTIONS) return 'its instructions'
  return /^[\w.:/-]+$/.test(name) ? name : JSON.stringify(name)
}
