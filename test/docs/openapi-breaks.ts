// Finds what a new OpenAPI document takes away from clients of an older one; says nothing of what it adds.

// biome-ignore lint/suspicious/noExplicitAny: documents are walked as the JSON they are
type Any = any

/** Promises of `older` that `newer` breaks, each with its place; nothing when old clients go on working. */
export function breaks(older: Any, newer: Any): string[] {
  const found: string[] = []
  const walk = new Walk(older, newer, found)
  for (const [path, item] of entries(older.paths)) {
    if (!newer.paths?.[path]) {
      found.push(`${path} is gone`)
      continue
    }
    for (const [method, operation] of entries(item)) {
      const at = `${method.toUpperCase()} ${path}`
      const now = newer.paths[path][method]
      if (now) walk.operation(at, operation, now)
      else found.push(`${at} is gone`)
    }
  }
  return found
}

class Walk {
  readonly #older: Any
  readonly #newer: Any
  readonly #found: string[]

  constructor(older: Any, newer: Any, found: string[]) {
    this.#older = older
    this.#newer = newer
    this.#found = found
  }

  operation(at: string, old: Any, now: Any): void {
    if (old.operationId !== now.operationId) this.#found.push(`${at} was ${old.operationId}, is ${now.operationId}`)
    this.#parameters(at, old.parameters ?? [], now.parameters ?? [])
    this.#body(at, old.requestBody, now.requestBody)
    for (const [status, response] of entries(old.responses)) {
      const other = now.responses?.[status]
      if (!other) this.#found.push(`${at} no longer answers ${status}`)
      for (const [type, media] of entries(response.content)) {
        const match = other?.content?.[type]
        if (other && !match) this.#found.push(`${at} ${status} is no longer ${type}`)
        if (match) this.#answer(`${at} ${status}`, media.schema, match.schema, 0)
      }
    }
  }

  #parameters(at: string, old: Any[], now: Any[]): void {
    const key = (one: Any) => `${one.in} ${one.name}`
    for (const one of old) {
      const other = now.find((candidate) => key(candidate) === key(one))
      if (!other) this.#found.push(`${at} no longer takes ${key(one)}`)
      else this.#input(`${at} ${key(one)}`, one.schema, other.schema, 0)
    }
    for (const one of now) {
      const before = old.find((candidate) => key(candidate) === key(one))
      if (one.required && !before?.required) this.#found.push(`${at} now needs ${key(one)}`)
    }
  }

  #body(at: string, old: Any, now: Any): void {
    if (now?.required && !old?.required) this.#found.push(`${at} now needs a body`)
    for (const [type, media] of entries(old?.content)) {
      const match = now?.content?.[type]
      if (!match) this.#found.push(`${at} no longer takes ${type}`)
      else this.#input(`${at} body`, media.schema, match.schema, 0)
    }
  }

  /** What a client sends: more may be taken, nothing more may be needed. */
  #input(at: string, old_: Any, now_: Any, depth: number): void {
    const [old, now] = this.#pair(old_, now_, depth)
    if (!old || !now) return
    this.#types(at, old, now)
    for (const name of now.required ?? []) {
      if (!(old.required ?? []).includes(name)) this.#found.push(`${at} now needs ${name}`)
    }
    for (const value of old.enum ?? []) {
      if (now.enum && !now.enum.includes(value)) this.#found.push(`${at} no longer takes ${value}`)
    }
    if (!old.enum && now.enum) this.#found.push(`${at} now takes only some values`)
    for (const [limit, tighter] of LIMITS) {
      if (now[limit] !== undefined && (old[limit] === undefined || tighter(now[limit], old[limit])))
        this.#found.push(`${at} has a tighter ${limit}`)
    }
    if (now.pattern !== undefined && now.pattern !== old.pattern) this.#found.push(`${at} has another pattern`)
    for (const [name, property] of entries(old.properties)) {
      const other = now.properties?.[name]
      if (other) this.#input(`${at}/${name}`, property, other, depth + 1)
      else if (now.additionalProperties === false) this.#found.push(`${at} no longer takes ${name}`)
    }
    this.#input(`${at}[]`, old.items, now.items, depth + 1)
  }

  /** What a client gets: more may be there, nothing may be missing. */
  #answer(at: string, old_: Any, now_: Any, depth: number): void {
    const [old, now] = this.#pair(old_, now_, depth)
    if (!old || !now) return
    this.#types(at, old, now)
    for (const name of old.required ?? []) {
      if (!(now.required ?? []).includes(name)) this.#found.push(`${at} may now lack ${name}`)
    }
    for (const [name, property] of entries(old.properties)) {
      const other = now.properties?.[name]
      if (other) this.#answer(`${at}/${name}`, property, other, depth + 1)
      else this.#found.push(`${at} no longer has ${name}`)
    }
    this.#answer(`${at}[]`, old.items, now.items, depth + 1)
  }

  #types(at: string, old: Any, now: Any): void {
    const before = [old.type].flat().sort().join()
    const after = [now.type].flat().sort().join()
    if (before !== after) this.#found.push(`${at} was ${before || 'anything'}, is ${after || 'anything'}`)
  }

  #pair(old: Any, now: Any, depth: number): [Any, Any] {
    if (depth > 20) return [undefined, undefined]
    return [resolved(this.#older, old), resolved(this.#newer, now)]
  }
}

const more = (now: number, old: number) => now > old
const less = (now: number, old: number) => now < old
const LIMITS: readonly (readonly [string, (now: number, old: number) => boolean])[] = [
  ['minimum', more],
  ['minLength', more],
  ['minItems', more],
  ['maximum', less],
  ['maxLength', less],
  ['maxItems', less],
]

function entries(record: Any): [string, Any][] {
  return Object.entries(record ?? {})
}

function resolved(document: Any, schema: Any): Any {
  const [, name] = /^#\/components\/schemas\/(\w+)$/.exec(schema?.$ref ?? '') ?? []
  return name === undefined ? schema : document.components?.schemas?.[name]
}
