// Parses and fills templates like ${{ inputs.directory }}; a filled value is data and must never be expanded again.
import { ClonedError, type Json, type JsonObject, snapshot } from 'cloned/kernel'

/** A place in the scope that a template names. */
export interface Reference {
  /** As written, without the braces: `steps.scan.output.files[0]`. */
  readonly text: string
  /** `['steps', 'scan', 'output', 'files', 0]` */
  readonly path: readonly (string | number)[]
}

const OPEN = '${{'
const CLOSE = '}}'
const PATH = /^[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*|\[\d{1,9}\])*$/
const MAX_PATH = 500
// What one filled template may come to; a few short templates over a large value must not fill the memory.
const LIMITS = { depth: 64, bytes: 16 * 1024 * 1024 }

/** Splits a string into literal text and references. Throws `TEMPLATE_INVALID`. */
export function parseTemplate(text: string): readonly (string | Reference)[] {
  const parts: (string | Reference)[] = []
  let at = 0
  for (;;) {
    const open = text.indexOf(OPEN, at)
    if (open < 0) break
    const close = text.indexOf(CLOSE, open)
    if (close < 0) throw invalid(text.slice(open, open + 40), 'it is never closed with }}')
    if (open > at) parts.push(text.slice(at, open))
    parts.push(reference(text.slice(open + OPEN.length, close).trim()))
    at = close + CLOSE.length
  }
  if (at < text.length) parts.push(text.slice(at))
  return parts
}

/**
 * Fills a template. A string that is one reference becomes the value itself; references inside a longer string become
 * text, values that are not strings as JSON. Keys of objects are taken literally.
 * Throws `TEMPLATE_UNRESOLVED` for a path that names nothing and `VALUE_TOO_LARGE` over 16 MiB or 64 levels.
 */
export function fillTemplate(template: Json, scope: JsonObject): Json {
  return snapshot(expand(template, scope, { left: LIMITS.bytes }), LIMITS)
}

function expand(template: Json, scope: JsonObject, budget: { left: number }): Json {
  if (typeof template === 'string') return expandText(template, scope, budget)
  if (template === null || typeof template !== 'object') return template
  if (Array.isArray(template)) return template.map((item: Json) => expand(item, scope, budget))
  return Object.fromEntries(Object.entries(template).map(([key, item]) => [key, expand(item, scope, budget)]))
}

function expandText(text: string, scope: JsonObject, budget: { left: number }): Json {
  const parts = parseTemplate(text)
  const [only] = parts
  if (parts.length === 1 && only !== undefined && typeof only !== 'string') return resolve(only, scope)
  let filled = ''
  for (const part of parts) {
    const piece = typeof part === 'string' ? part : wordValue(resolve(part, scope))
    budget.left -= piece.length
    if (budget.left < 0) throw new ClonedError('VALUE_TOO_LARGE', { path: '/', limit: `${LIMITS.bytes} bytes` })
    filled += piece
  }
  return filled
}

function resolve({ text, path }: Reference, scope: JsonObject): Json {
  let value: Json = scope
  for (const key of path) {
    const next = member(value, key)
    if (next === undefined)
      throw new ClonedError('TEMPLATE_UNRESOLVED', { template: text, problem: missing(value, key) })
    value = next
  }
  return value
}

/** Own members only: `constructor`, `length` and the like are not data. */
function member(value: Json, key: string | number): Json | undefined {
  if (Array.isArray(value)) return typeof key === 'number' ? (value[key] as Json | undefined) : undefined
  if (value === null || typeof value !== 'object' || typeof key === 'number') return undefined
  return Object.hasOwn(value, key) ? (value as JsonObject)[key] : undefined
}

function missing(value: Json, key: string | number): string {
  if (typeof key === 'number') {
    return Array.isArray(value) ? `there is no [${key}] in a list of ${value.length}` : `[${key}] is asked of no list`
  }
  return `there is no "${key}"`
}

function wordValue(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function reference(text: string): Reference {
  if (text.length > MAX_PATH || !PATH.test(text)) {
    throw invalid(`${OPEN} ${text.slice(0, 40)} ${CLOSE}`, 'only names joined by dots, and [n], are understood')
  }
  const path = text.match(/[A-Za-z_][\w-]*|\d+(?=\])/g) ?? []
  return { text, path: path.map((key) => (/^\d/.test(key) ? Number(key) : key)) }
}

function invalid(template: string, problem: string): ClonedError {
  return new ClonedError('TEMPLATE_INVALID', { template, problem })
}
