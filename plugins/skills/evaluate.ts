// Evaluates parsed expressions over a scope; own members only, and what it answers is data.
import { ClonedError, type Json, type JsonObject } from 'cloned/kernel'
import type { Expression, Operator, Reference } from './expression.js'

/** Throws `TEMPLATE_UNRESOLVED` for a path that names nothing and for values that an operator cannot take. */
export function evaluate(expression: Expression, scope: JsonObject): Json {
  switch (expression.kind) {
    case 'value':
      return expression.value
    case 'path': {
      const found = walk(expression, scope)
      if ('missing' in found) throw unresolved(expression.text, found.missing)
      return found.value
    }
    case 'not':
      return !truth(evaluate(expression.of, scope), '!')
    case 'length':
      return lengthOf(evaluate(expression.of, scope))
    case 'binary':
      return binary(expression.operator, expression.left, expression.right, scope)
  }
}

function binary(operator: Operator, left: Expression, right: Expression, scope: JsonObject): Json {
  if (operator === '??') return present(left, scope) ?? evaluate(right, scope)
  const first = evaluate(left, scope)
  if (operator === '&&') return truth(first, operator) && truth(evaluate(right, scope), operator)
  if (operator === '||') return truth(first, operator) || truth(evaluate(right, scope), operator)
  const second = evaluate(right, scope)
  if (operator === '==' || operator === '!=') {
    // Lists and objects are never compared: that would cost as much as they are large.
    const other = [first, second].find((value) => value !== null && typeof value === 'object')
    if (other !== undefined) throw unresolved(operator, `it cannot compare ${kindOf(other)}`)
    return (first === second) === (operator === '==')
  }
  if (
    !(typeof first === 'number' && typeof second === 'number') &&
    !(typeof first === 'string' && typeof second === 'string')
  ) {
    throw unresolved(operator, `it takes two numbers or two texts, not ${kindOf(first)} and ${kindOf(second)}`)
  }
  switch (operator) {
    case '<':
      return first < second
    case '<=':
      return first <= second
    case '>':
      return first > second
    case '>=':
      return first >= second
  }
}

/** The value of the left side of `??`; `undefined` where there is none, or null. */
function present(expression: Expression, scope: JsonObject): Json | undefined {
  if (expression.kind !== 'path') return evaluate(expression, scope) ?? undefined
  const found = walk(expression, scope)
  return 'missing' in found ? undefined : (found.value ?? undefined)
}

function walk({ path }: Reference, scope: JsonObject): { readonly value: Json } | { readonly missing: string } {
  let value: Json = scope
  for (const key of path) {
    const next = member(value, key)
    if (next === undefined) return { missing: missing(value, key) }
    value = next
  }
  return { value }
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

function lengthOf(value: Json): number {
  if (typeof value === 'string' || Array.isArray(value)) return value.length
  throw unresolved('length', `it takes a text or a list, not ${kindOf(value)}`)
}

function truth(value: Json, operator: string): boolean {
  if (typeof value === 'boolean') return value
  throw unresolved(operator, `it takes true or false, not ${kindOf(value)}`)
}

function kindOf(value: Json): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'string') return 'a text'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

function unresolved(template: string, problem: string): ClonedError {
  return new ClonedError('TEMPLATE_UNRESOLVED', { template, problem })
}
