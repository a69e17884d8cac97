// Reads JSON with comments into values with their places in the text; must never guess, nor repeat what it could not read.
import type { Json } from 'cloned/kernel'

/** A value and where it stands: `text.slice(start, end)`. */
export interface Node {
  readonly start: number
  readonly end: number
  readonly value: Json
  /** Of an object: its members; `start` is that of the key. */
  readonly members?: readonly { readonly key: string; readonly start: number; readonly node: Node }[]
  /** Of an array. */
  readonly items?: readonly Node[]
}

/** The text is not JSON with comments. The message has a line and nothing of the text, which may hold secrets. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable'
}

const MAX_DEPTH = 64
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const WORD = /[A-Za-z_$][\w$]*/y
// Unrolled: no text can make it slow, whether it is closed or not.
const STRING = /"[^"\\\r\n]*(?:\\.[^"\\\r\n]*)*"|'[^'\\\r\n]*(?:\\.[^'\\\r\n]*)*'/y
const TRIVIA = /(?:[\s\uFEFF]+|\/\/[^\r\n]*|\/\*[\s\S]*?\*\/)*/y
const WORDS: Readonly<Record<string, Json>> = { true: true, false: false, null: null }

/** The first place at or after `at` that is neither space nor comment. */
export function pastTrivia(text: string, at: number): number {
  TRIVIA.lastIndex = at
  TRIVIA.test(text)
  return TRIVIA.lastIndex
}

/**
 * Reads JSON, comments, trailing commas, text in single quotes and bare keys. Throws {@link Unreadable}, for a key that is
 * there twice too: which of the two a client takes is not known.
 */
export function parseJsonc(text: string): Node {
  const wrong = (at: number, what: string) => new Unreadable(`line ${text.slice(0, at).split('\n').length}: ${what}`)

  const match = (pattern: RegExp, at: number): string | undefined => {
    pattern.lastIndex = at
    return pattern.exec(text)?.[0]
  }

  const string = (at: number): { value: string; end: number } => {
    const found = match(STRING, at)
    if (found === undefined) throw wrong(at, 'a text is not closed')
    const inner = found.slice(1, -1)
    const quoted =
      found[0] === '"'
        ? found
        : `"${inner.replace(/\\[\s\S]|"/g, (part) => (part === "\\'" ? "'" : part === '"' ? '\\"' : part))}"`
    try {
      return { value: JSON.parse(quoted) as string, end: at + found.length }
    } catch {
      throw wrong(at, 'a text has an escape that JSON does not know')
    }
  }

  const key = (at: number): { value: string; end: number } => {
    if (text[at] === '"' || text[at] === "'") return string(at)
    const word = match(WORD, at)
    if (word === undefined) throw wrong(at, 'a key is expected')
    return { value: word, end: at + word.length }
  }

  const list = (start: number, close: string, one: (at: number) => number): number => {
    let at = pastTrivia(text, start + 1)
    while (text[at] !== close) {
      at = pastTrivia(text, one(at))
      if (text[at] === ',') at = pastTrivia(text, at + 1)
      else if (text[at] !== close) throw wrong(at, `"," or "${close}" is expected`)
    }
    return at + 1
  }

  const object = (start: number, depth: number): Node => {
    const members: { key: string; start: number; node: Node }[] = []
    const value: { [key: string]: Json } = {}
    const end = list(start, '}', (at) => {
      const name = key(at)
      if (name.value === '__proto__' || Object.hasOwn(value, name.value)) throw wrong(at, 'a key is there twice')
      const colon = pastTrivia(text, name.end)
      if (text[colon] !== ':') throw wrong(colon, '":" is expected')
      const node = read(pastTrivia(text, colon + 1), depth + 1)
      members.push({ key: name.value, start: at, node })
      value[name.value] = node.value
      return node.end
    })
    return { start, end, value, members }
  }

  const array = (start: number, depth: number): Node => {
    const items: Node[] = []
    const end = list(start, ']', (at) => {
      const node = read(at, depth + 1)
      items.push(node)
      return node.end
    })
    return { start, end, value: items.map((item) => item.value), items }
  }

  const read = (at: number, depth: number): Node => {
    if (depth > MAX_DEPTH) throw wrong(at, `it is deeper than ${MAX_DEPTH} levels`)
    const first = text[at]
    if (first === '{') return object(at, depth)
    if (first === '[') return array(at, depth)
    if (first === '"' || first === "'") {
      const { value, end } = string(at)
      return { start: at, end, value }
    }
    const word = match(WORD, at)
    if (word !== undefined && Object.hasOwn(WORDS, word)) {
      return { start: at, end: at + word.length, value: WORDS[word] ?? null }
    }
    const number = match(NUMBER, at)
    if (number === undefined || number === '') throw wrong(at, 'a value is expected')
    return { start: at, end: at + number.length, value: Number(number) }
  }

  const node = read(pastTrivia(text, 0), 0)
  const rest = pastTrivia(text, node.end)
  if (rest !== text.length) throw wrong(rest, 'there is something after the end')
  return node
}
