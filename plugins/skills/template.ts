// Parses and fills templates like ${{ inputs.directory }}; a filled value is data and must never be expanded again.
import { ClonedError, type Json, type JsonObject, snapshot } from 'cloned/kernel'
import { evaluate } from './evaluate.js'
import { type Expression, parseExpression } from './expression.js'

const OPEN = '${{'
// What one filled template may come to; a few short templates over a large value must not fill the memory.
const LIMITS = { depth: 64, bytes: 16 * 1024 * 1024 }

/** What was parsed, as it is parsed again for every check and every item of a loop. */
const parsed = new Map<string, readonly (string | Expression)[]>()
const MAX_PARSED = 5_000
const MAX_PARSED_LENGTH = 2_000

/** Splits a string into literal text and expressions. Throws `TEMPLATE_INVALID`. */
export function parseTemplate(text: string): readonly (string | Expression)[] {
  const known = parsed.get(text)
  if (known) return known
  const parts = parse(text)
  if (text.length > MAX_PARSED_LENGTH) return parts
  if (parsed.size >= MAX_PARSED) parsed.clear()
  parsed.set(text, parts)
  return parts
}

function parse(text: string): readonly (string | Expression)[] {
  const parts: (string | Expression)[] = []
  let at = 0
  for (let open = text.indexOf(OPEN); open >= 0; open = text.indexOf(OPEN, at)) {
    if (open > at) parts.push(text.slice(at, open))
    const { expression, end } = parseExpression(text, open + OPEN.length)
    parts.push(expression)
    at = end
  }
  if (at < text.length) parts.push(text.slice(at))
  return parts
}

/** The expression of a string that is nothing but one; `undefined` for any other string. Throws `TEMPLATE_INVALID`. */
export function wholeExpression(text: string): Expression | undefined {
  const [only, ...more] = parseTemplate(text)
  return more.length > 0 || typeof only === 'string' ? undefined : only
}

/**
 * Fills a template. A string that is one expression becomes the value itself; expressions inside a longer string become
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
  if (parts.length === 1 && only !== undefined && typeof only !== 'string') return evaluate(only, scope)
  let filled = ''
  for (const part of parts) {
    const piece = typeof part === 'string' ? part : wordValue(evaluate(part, scope))
    budget.left -= piece.length
    if (budget.left < 0) throw new ClonedError('VALUE_TOO_LARGE', { path: '/', limit: `${LIMITS.bytes} bytes` })
    filled += piece
  }
  return filled
}

function wordValue(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
