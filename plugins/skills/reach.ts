// Finds steps that no run can ever reach: conditions that are never true, and lists that are always empty.
import type { Json } from 'cloned/kernel'
import type { Problem, StepDocument } from './document.js'
import { evaluate } from './evaluate.js'
import { type Expression, references } from './expression.js'
import { wholeExpression } from './template.js'

export function reachProblems({ if: condition, for_each }: StepDocument, at: readonly (string | number)[]): Problem[] {
  const problems: Problem[] = []
  if (condition !== undefined && constantOf(condition) === false) {
    problems.push({ at: [...at, 'if'], message: 'is never true, so the step is never reached' })
  }
  if (Array.isArray(for_each?.items) && for_each.items.length === 0) {
    problems.push({ at: [...at, 'for_each', 'items'], message: 'is always empty, so the step is never reached' })
  }
  return problems
}

/** What an expression always gives; `undefined` where that depends on the run, or it cannot be read. */
function constantOf(text: string): Json | undefined {
  try {
    const expression = wholeExpression(text)
    return expression && fold(expression)
  } catch {
    // Reported where templates are checked.
    return undefined
  }
}

function fold(expression: Expression): Json | undefined {
  if (references(expression).length === 0) return evaluate(expression, {})
  if (expression.kind === 'not') {
    const inner = fold(expression.of)
    return typeof inner === 'boolean' ? !inner : undefined
  }
  if (expression.kind !== 'binary' || (expression.operator !== '&&' && expression.operator !== '||')) return undefined
  const decides = expression.operator === '||'
  return [expression.left, expression.right].some((side) => fold(side) === decides) ? decides : undefined
}
