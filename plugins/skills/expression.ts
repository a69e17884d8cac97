// Parses the expressions of templates: paths, literals, comparison and logic; knows no calls but length, and runs nothing.
import { ClonedError } from 'cloned/kernel'

/** A parsed expression. Its tree is no deeper than {@link LIMITS.depth}, and every node is evaluated at most once. */
export type Expression =
  | { readonly kind: 'value'; readonly value: null | boolean | number | string }
  | Reference
  | { readonly kind: 'not' | 'length'; readonly of: Expression }
  | { readonly kind: 'binary'; readonly operator: Operator; readonly left: Expression; readonly right: Expression }

/** A place in the scope that an expression names. */
export interface Reference {
  readonly kind: 'path'
  /** As written: `steps.scan.output.files[0]`. */
  readonly text: string
  /** `['steps', 'scan', 'output', 'files', 0]` */
  readonly path: readonly (string | number)[]
}

export type Operator = '==' | '!=' | '<' | '<=' | '>' | '>=' | '&&' | '||' | '??'

export const LIMITS = { length: 1_000, depth: 32 }

const WORD = '[A-Za-z_][\\w-]*'
const TOKEN = new RegExp(
  `\\s*(?:(${WORD}(?:\\.${WORD}|\\[\\d{1,9}\\])*)|(-?\\d+(?:\\.\\d+)?)|'((?:[^']|'')*)'|(==|!=|<=|>=|&&|\\|\\||\\?\\?|}}|[<>!()]))`,
  'y',
)
/** Loosest first. */
const LEVELS: readonly (readonly string[])[] = [['||'], ['&&'], ['==', '!=', '<', '<=', '>', '>='], ['??']]
const COMPARISON = 2
const CONSTANTS = new Map([
  ['true', true],
  ['false', false],
  ['null', null],
])

/** Reads one expression that starts at `from` and ends before `}}`; `end` is behind it. Throws `TEMPLATE_INVALID`. */
export function parseExpression(text: string, from: number): { readonly expression: Expression; readonly end: number } {
  const parser = new Parser(text, from)
  const expression = parser.level(0, 0)
  parser.close()
  return { expression, end: parser.end }
}

/** Every place that an expression names. */
export function references(expression: Expression): readonly Reference[] {
  switch (expression.kind) {
    case 'value':
      return []
    case 'path':
      return [expression]
    case 'binary':
      return [...references(expression.left), ...references(expression.right)]
    default:
      return references(expression.of)
  }
}

interface Token {
  readonly kind: 'path' | 'number' | 'text' | 'sign'
  readonly text: string
}

class Parser {
  readonly #text: string
  readonly #from: number
  #at: number
  #token: Token
  end: number

  constructor(text: string, from: number) {
    this.#text = text
    this.#from = from
    this.#at = from
    this.end = from
    this.#token = this.#next()
  }

  level(level: number, depth: number): Expression {
    if (depth > LIMITS.depth) throw this.#wrong(`it is nested deeper than ${LIMITS.depth} levels`)
    const operators = LEVELS[level]
    if (!operators) return this.#operand(depth)
    let left = this.level(level + 1, depth)
    for (let width = depth; this.#token.kind === 'sign' && operators.includes(this.#token.text); ) {
      const operator = this.#take().text as Operator
      const right = this.level(level + 1, depth)
      left = { kind: 'binary', operator, left, right }
      if (level === COMPARISON) break
      if (++width > LIMITS.depth) throw this.#wrong(`it is nested deeper than ${LIMITS.depth} levels`)
    }
    return left
  }

  close(): void {
    if (!this.#is('}}')) throw this.#wrong(`"${this.#token.text}" is not expected there`)
  }

  #operand(depth: number): Expression {
    const { kind, text } = this.#take()
    if (kind === 'number') return { kind: 'value', value: Number(text) }
    if (kind === 'text') return { kind: 'value', value: text }
    if (kind === 'path') {
      if (text === 'length' && this.#is('(')) return { kind: 'length', of: this.#operand(depth + 1) }
      const constant = CONSTANTS.get(text)
      return constant === undefined ? reference(text) : { kind: 'value', value: constant }
    }
    if (text === '!') {
      if (depth > LIMITS.depth) throw this.#wrong(`it is nested deeper than ${LIMITS.depth} levels`)
      return { kind: 'not', of: this.#operand(depth + 1) }
    }
    if (text !== '(')
      throw this.#wrong(text === '}}' ? 'something is missing at its end' : `"${text}" is not expected there`)
    const inside = this.level(0, depth + 1)
    if (!this.#is(')')) throw this.#wrong('a ")" is missing')
    this.#take()
    return inside
  }

  #is(sign: string): boolean {
    return this.#token.kind === 'sign' && this.#token.text === sign
  }

  #take(): Token {
    const token = this.#token
    // What stands behind the end is not part of the expression.
    if (!this.#is('}}')) this.#token = this.#next()
    return token
  }

  #next(): Token {
    TOKEN.lastIndex = this.#at
    const [, path, number, quoted, sign] = TOKEN.exec(this.#text) ?? []
    if (TOKEN.lastIndex - this.#from > LIMITS.length) throw this.#wrong(`it is longer than ${LIMITS.length} characters`)
    if (TOKEN.lastIndex === 0) {
      const rest = this.#text.slice(this.#at).trimStart()
      throw this.#wrong(rest === '' ? 'it is never closed with }}' : `"${rest.slice(0, 10)}" is not understood`)
    }
    this.#at = TOKEN.lastIndex
    if (path !== undefined) return { kind: 'path', text: path }
    if (number !== undefined) return { kind: 'number', text: number }
    if (quoted !== undefined) return { kind: 'text', text: quoted.replaceAll("''", "'") }
    this.end = this.#at
    return { kind: 'sign', text: sign ?? '' }
  }

  #wrong(problem: string): ClonedError {
    const template = `\${{${this.#text.slice(this.#from, this.#from + 40)}`
    return new ClonedError('TEMPLATE_INVALID', { template, problem })
  }
}

function reference(text: string): Reference {
  const path = text.match(/[A-Za-z_][\w-]*|\d+(?=\])/g) ?? []
  return { kind: 'path', text, path: path.map((key) => (/^\d/.test(key) ? Number(key) : key)) }
}
