// Takes the values of an input out of a sentence about it, for the audit log; must never leave a text value readable.
import type { Json, JsonObject } from './json.js'

/** Shorter values are words of any sentence: masking them would mask the sentence. */
const SHORTEST = 4
/** A sentence may quote only the beginning of a long value. */
const BEGINNING = 24

/** The sentence with every text value of `input` of 4 characters or more replaced by its JSON pointer: `‹/path›`. */
export function masked(sentence: string, input: Json | undefined): string {
  if (input === undefined) return sentence
  let text = sentence
  for (const { value, path } of [...leaves(input, '')].sort((a, b) => b.value.length - a.value.length)) {
    for (const form of new Set([value, JSON.stringify(value).slice(1, -1)]))
      text = without(text, form, `‹${path || '/'}›`)
  }
  return text
}

function without(text: string, value: string, name: string): string {
  const needle = value.slice(0, BEGINNING)
  let rest = text
  let done = ''
  for (let at = rest.indexOf(needle); at >= 0; at = rest.indexOf(needle)) {
    let length = needle.length
    while (length < value.length && rest[at + length] === value[length]) length++
    done += rest.slice(0, at) + name
    rest = rest.slice(at + length)
  }
  return done + rest
}

function* leaves(value: Json, path: string): Generator<{ value: string; path: string }, void> {
  if (typeof value === 'string') {
    if (value.length >= SHORTEST) yield { value, path }
  } else if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) yield* leaves(item as Json, `${path}/${i}`)
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value as JsonObject)) yield* leaves(item, `${path}/${key}`)
  }
}
