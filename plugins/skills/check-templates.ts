// Finds expressions of one pipeline that cannot be read or name what cannot be there; knows no tools.
import { describeThrown, type Json, type JsonObject } from 'cloned/kernel'
import type { Problem, StepDocument } from './document.js'
import { type Expression, type Reference, references } from './expression.js'
import { parseTemplate, wholeExpression } from './template.js'

type Path = readonly (string | number)[]

/** Walks the steps in their order; after each, later templates may name it. */
export class TemplateCheck {
  readonly #inputs: JsonObject
  readonly #all: ReadonlySet<string>
  readonly #ended = new Set<string>()
  #here: string | undefined
  #inItem = false

  constructor(inputs: JsonObject, steps: readonly StepDocument[]) {
    this.#inputs = inputs
    this.#all = new Set(steps.map(({ id }) => id))
  }

  /** Whether a step of this id has been walked. */
  ended(id: string): boolean {
    return this.#ended.has(id)
  }

  step(step: StepDocument, at: Path): Problem[] {
    this.#here = step.id
    const problems = [
      ...(step.if === undefined ? [] : this.#whole(step.if, [...at, 'if'])),
      ...(step.for_each === undefined ? [] : this.#items(step.for_each.items, [...at, 'for_each', 'items'])),
    ]
    this.#inItem = step.for_each !== undefined
    problems.push(
      ...this.any(step.input ?? {}, [...at, 'input']),
      ...this.any(step.inputs ?? {}, [...at, 'inputs']),
      ...this.any(step.approval?.message ?? null, [...at, 'approval', 'message']),
      ...this.any(step.approval?.show ?? null, [...at, 'approval', 'show']),
    )
    this.#inItem = false
    this.#here = undefined
    this.#ended.add(step.id)
    return problems
  }

  /** Problems of a template; a key that holds one is a problem. */
  any(template: Json, at: Path): Problem[] {
    if (typeof template === 'string') return this.#text(template, at)
    if (template === null || typeof template !== 'object') return []
    return Object.entries(template).flatMap(([key, item]) => {
      const here = [...at, Array.isArray(template) ? Number(key) : key]
      const inKey = key.includes('${{') ? [{ at: here, message: 'a key cannot hold a template' }] : []
      return [...inKey, ...this.any(item as Json, here)]
    })
  }

  #items(items: string | readonly Json[], at: Path): Problem[] {
    return typeof items === 'string' ? this.#whole(items, at) : this.any(items, at)
  }

  #whole(text: string, at: Path): Problem[] {
    const problems = this.#text(text, at)
    if (problems.length > 0 || wholeExpression(text)) return problems
    return [{ at, message: `must be one \${{ expression }} and nothing else` }]
  }

  #text(text: string, at: Path): Problem[] {
    if (!text.includes('${{')) return []
    let parts: readonly (string | Expression)[]
    try {
      parts = parseTemplate(text)
    } catch (error) {
      return [{ at, message: describeThrown(error) }]
    }
    return parts
      .flatMap((part) => (typeof part === 'string' ? [] : references(part)))
      .flatMap((reference) => this.#reference(reference) ?? [])
      .map((message) => ({ at, message }))
  }

  #reference({ text, path }: Reference): string | undefined {
    const [root, name, part] = path
    const worded = (problem: string) => `\${{ ${text} }}: ${problem}`
    switch (root) {
      case 'inputs': {
        const { properties, additionalProperties } = this.#inputs
        const closed = additionalProperties === false
        if (!closed || name === undefined || Object.hasOwn((properties ?? {}) as JsonObject, name)) return undefined
        return worded(`the inputs do not declare "${name}"`)
      }
      case 'item':
      case 'index':
        if (this.#inItem) return undefined
        return worded(`there is ${root === 'item' ? 'an item' : 'an index'} only inside for_each`)
      case 'steps':
        if (typeof name !== 'string' || part !== 'output') return worded('write steps.<id>.output')
        if (this.#ended.has(name)) return undefined
        if (name === this.#here) return worded('a step cannot name its own output')
        if (this.#all.has(name)) return worded(`step "${name}" has not run by then`)
        return worded(`there is no step "${name}"`)
      default:
        return worded('a template starts with "inputs.", "steps.", "item" or "index"')
    }
  }
}
