// Finds where a JSON Schema refuses what an older one accepted; what it does not understand, it takes for a refusal.

// biome-ignore lint/suspicious/noExplicitAny: schemas are walked as the JSON they are
type Any = any

/** Keywords that say something to people or to programs and refuse nothing. */
const SILENT = new Set([
  '$schema',
  '$id',
  '$defs',
  '$comment',
  'title',
  'description',
  'default',
  'examples',
  'deprecated',
  'readOnly',
  'writeOnly',
  'x-loggable',
])

/** Places where `newer` may refuse a document that `older` accepts; nothing when it accepts every one of them. */
export function narrowings(older: Any, newer: Any): string[] {
  const found: string[] = []
  new Walk(older, newer, found).schema('', older, newer)
  return found
}

class Walk {
  readonly #older: Any
  readonly #newer: Any
  readonly #found: string[]
  readonly #seen = new Map<Any, Set<Any>>()

  constructor(older: Any, newer: Any, found: string[]) {
    this.#older = older
    this.#newer = newer
    this.#found = found
  }

  schema(at: string, old_: Any, now_: Any): void {
    const [old, now] = [resolve(this.#older, old_), resolve(this.#newer, now_)]
    if (now === true || old === false) return
    if (now === false) {
      this.#say(at, 'is no longer taken')
      return
    }
    const before = this.#seen.get(old) ?? new Set()
    if (before.has(now)) return
    this.#seen.set(old, before.add(now))
    const was = old === true ? {} : old
    for (const keyword of Object.keys(now)) {
      if (SILENT.has(keyword)) continue
      if (keyword in CHECKS) CHECKS[keyword as keyof typeof CHECKS](this, at, was, now)
      else if (!same(was[keyword], now[keyword])) this.#say(at, `has another ${keyword}`)
    }
    // With properties gone, what they held is judged as any other.
    for (const name of Object.keys(was.properties ?? {})) {
      if (now.properties?.[name] === undefined) this.schema(`${at}/${name}`, was.properties[name], rest(now, name))
    }
  }

  say(at: string, what: string): void {
    this.#say(at, what)
  }

  #say(at: string, what: string): void {
    this.#found.push(`${at || '/'} ${what}`)
  }
}

type Check = (walk: Walk, at: string, old: Any, now: Any) => void

const bound =
  (keyword: string, tighter: (now: number, old: number) => boolean): Check =>
  (walk, at, old, now) => {
    if (old[keyword] === undefined || tighter(now[keyword], old[keyword])) walk.say(at, `has a tighter ${keyword}`)
  }
const lower = (keyword: string) => bound(keyword, (now, old) => now > old)
const upper = (keyword: string) => bound(keyword, (now, old) => now < old)

const values: Check = (walk, at, old, now) => {
  const taken = now.enum ?? [now.const]
  const before: Any[] | undefined = old.enum ?? ('const' in old ? [old.const] : undefined)
  if (!before) walk.say(at, 'takes only some values')
  for (const value of before ?? []) {
    if (!taken.some((one: Any) => same(one, value))) walk.say(at, `no longer takes ${JSON.stringify(value)}`)
  }
}

const branches: Check = (walk, at, old, now) => {
  const [before, after] = [old.anyOf ?? [], now.anyOf]
  if (before.length === 0) walk.say(at, 'takes only some shapes')
  for (const [place, one] of before.entries()) walk.schema(`${at}<${place}>`, one, after[place] ?? false)
}

const CHECKS = {
  type: (walk, at, old, now) => {
    const [before, after]: Any[][] = [[old.type ?? ALL].flat(), [now.type].flat()]
    const gone = before?.filter((one) => !after?.includes(one) && !(one === 'integer' && after?.includes('number')))
    if (gone?.length) walk.say(at, `no longer takes a ${gone.join(', ')}`)
  },
  enum: values,
  const: values,
  anyOf: branches,
  required: (walk, at, old, now) => {
    for (const name of now.required) if (!(old.required ?? []).includes(name)) walk.say(at, `now needs ${name}`)
  },
  properties: (walk, at, old, now) => {
    for (const [name, property] of Object.entries(now.properties)) {
      walk.schema(`${at}/${name}`, old.properties?.[name] ?? rest(old, name), property)
    }
  },
  additionalProperties: (walk, at, old, now) => {
    walk.schema(`${at}/*`, old.additionalProperties ?? true, now.additionalProperties)
  },
  propertyNames: (walk, at, old, now) => walk.schema(`${at}/(names)`, old.propertyNames ?? true, now.propertyNames),
  items: (walk, at, old, now) => walk.schema(`${at}[]`, old.items ?? true, now.items),
  minimum: lower('minimum'),
  exclusiveMinimum: lower('exclusiveMinimum'),
  minLength: lower('minLength'),
  minItems: lower('minItems'),
  minProperties: lower('minProperties'),
  maximum: upper('maximum'),
  exclusiveMaximum: upper('exclusiveMaximum'),
  maxLength: upper('maxLength'),
  maxItems: upper('maxItems'),
  maxProperties: upper('maxProperties'),
} satisfies Record<string, Check>

const ALL = ['null', 'boolean', 'object', 'array', 'number', 'string']

/** What a schema says of a property that it does not list. Patterns are compared whole, so one that matches says nothing here. */
function rest(schema: Any, name: string): Any {
  const matches = Object.keys(schema.patternProperties ?? {}).some((pattern) => new RegExp(pattern, 'u').test(name))
  return matches ? true : (schema.additionalProperties ?? true)
}

function resolve(root: Any, schema: Any): Any {
  const { $ref, ...others } = schema === true || schema === false ? ({} as Any) : schema
  if ($ref === undefined || Object.keys(others).some((key) => !SILENT.has(key))) return schema
  if (!$ref.startsWith('#/')) return schema
  const target = $ref
    .slice(2)
    .split('/')
    .reduce((at: Any, key: string) => at[key], root)
  return resolve(root, target)
}

function same(one: Any, other: Any): boolean {
  return JSON.stringify(sorted(one)) === JSON.stringify(sorted(other))
}

function sorted(value: Any): Any {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return Array.isArray(value) ? value.map(sorted) : value
  const kept = Object.entries(value).filter(([key]) => !['title', 'description', '$comment'].includes(key))
  return Object.fromEntries(kept.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => [key, sorted(item)]))
}
