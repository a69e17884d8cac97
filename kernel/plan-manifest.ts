// Checks that a manifest names tokens where tokens belong; pure, and must never let a misspelt import pass as a need unmet.
import type { Plugin } from './plugin.js'

const HOOKS = ['transform', 'guard', 'check', 'reserve', 'notify', 'observe']
const STABILITY = ['experimental', 'beta', 'stable', 'deprecated']

/** Fields that hold a list; the others hold a record. */
const LISTS: readonly string[] = ['taps', 'fires', 'executes']

const SHAPES = {
  requires: { kinds: ['slot', 'optional'], what: 'a slot, or optional(slot)' },
  provides: { kinds: ['slot'], what: 'a slot' },
  wraps: { kinds: ['slot'], what: 'a slot' },
  contributes: { kinds: ['collection'], what: 'a collection' },
  owns: { kinds: ['collection'], what: 'a collection' },
  taps: { kinds: HOOKS, what: 'a hook' },
  fires: { kinds: HOOKS, what: 'a hook' },
  executes: { kinds: [undefined], what: 'a kind of action' },
} as const satisfies Partial<Record<keyof Plugin['manifest'], unknown>>

/** The hooks that a kind of action brings, and of which kind each has to be. */
const OWN_HOOKS = { prepare: 'transform', guard: 'guard', reserve: 'reserve', filter: 'transform', after: 'observe' }

/** Every problem of the fields that name something; a manifest with one cannot be planned. */
export function manifestProblems({ manifest, config }: Plugin): readonly string[] {
  const problems: string[] = []
  for (const [field, { kinds, what }] of Object.entries(SHAPES)) {
    const record: unknown = manifest[field as keyof typeof SHAPES]
    if (typeof record !== 'object' || record === null || Array.isArray(record) !== LISTS.includes(field)) {
      problems.push(`${field} is not a ${LISTS.includes(field) ? 'list' : 'record'}`)
    } else {
      for (const [name, token] of Object.entries(record)) {
        if (!isToken(token, kinds)) problems.push(`${field}.${name} is not ${what}`)
      }
    }
  }
  for (const [at, kind] of (Array.isArray(manifest.executes) ? manifest.executes : []).entries()) {
    for (const [field, kinds] of Object.entries(OWN_HOOKS)) {
      const hook = (kind as Partial<Record<string, unknown>> | null | undefined)?.[field]
      if (hook !== undefined && !isToken(hook, [kinds]))
        problems.push(`executes.${at}.${field} is not a hook of kind ${kinds}`)
    }
  }
  if (!STABILITY.includes(manifest.stability)) problems.push(`stability is not one of ${STABILITY.join(', ')}`)
  if (typeof manifest.description !== 'string') problems.push('description is not a text')
  if (!Array.isArray(manifest.toolPrefixes) || manifest.toolPrefixes.some((prefix) => typeof prefix !== 'string')) {
    problems.push('toolPrefixes is not a list of texts')
  }
  if (config !== undefined && typeof config.schema !== 'object') problems.push('config is not made by configSchema()')
  // Setup returns one record for all three: a name that two of them use would be both.
  const names = [manifest.provides, manifest.wraps, manifest.contributes].flatMap((record) => Object.keys(record ?? {}))
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined) problems.push(`"${twice}" is used twice under provides, wraps and contributes`)
  return problems
}

function isToken(token: unknown, kinds: readonly (string | undefined)[]): boolean {
  if (typeof token !== 'object' || token === null) return false
  const { kind, id, contract, slot } = token as Readonly<Record<'kind' | 'id' | 'contract' | 'slot', unknown>>
  if (!kinds.includes(kind as string | undefined)) return false
  if (kind === 'optional') return isToken(slot, ['slot'])
  return typeof id === 'string' && id !== '' && Number.isSafeInteger(contract) && Number(contract) > 0
}
