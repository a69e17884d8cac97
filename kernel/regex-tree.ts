// Reads regular expressions of ECMAScript into trees; one that cannot be matched in a bounded number of steps is refused.

/** Whether a code point is one of those that a part stands for. */
export type CharTest = (codePoint: number) => boolean

/** A regular expression, as far as it matters whether it matches. */
export type RegexTree =
  | { readonly kind: 'one'; readonly test: CharTest }
  | { readonly kind: 'seq' | 'or'; readonly parts: readonly RegexTree[] }
  | { readonly kind: 'repeat'; readonly of: RegexTree; readonly min: number; readonly max: number }
  | { readonly kind: 'at'; readonly where: Where }
  | { readonly kind: 'look'; readonly of: RegexTree; readonly behind: boolean; readonly wanted: boolean }

export type Where = 'start' | 'end' | 'edge' | 'inside'

const MAX_LENGTH = 2_000
const MAX_COUNT = 100_000

/** Throws, for what is no regular expression of the flag `u`, is too long, or refers back to what it has matched. */
export function readRegex(pattern: string): RegexTree {
  if (pattern.length > MAX_LENGTH) throw new Error('is too long')
  try {
    new RegExp(pattern, 'u')
  } catch {
    throw new Error('is no regular expression')
  }
  return new Reader(pattern).whole()
}

const LOOKS = { '(?=': [false, true], '(?!': [false, false], '(?<=': [true, true], '(?<!': [true, false] } as const
const ASSERTIONS: Readonly<Record<string, Where>> = { '^': 'start', $: 'end', '\\b': 'edge', '\\B': 'inside' }

/** Of a pattern that is known to be valid. */
class Reader {
  readonly #text: string
  readonly #tests = new Map<string, CharTest>()
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  whole(): RegexTree {
    return this.#alternatives()
  }

  #alternatives(): RegexTree {
    const parts = [this.#sequence()]
    while (this.#take(/\|/y) !== undefined) parts.push(this.#sequence())
    return parts.length === 1 && parts[0] ? parts[0] : { kind: 'or', parts }
  }

  #sequence(): RegexTree {
    const parts: RegexTree[] = []
    while (this.#at < this.#text.length && !/[|)]/.test(this.#text[this.#at] ?? '')) parts.push(this.#quantified())
    return { kind: 'seq', parts }
  }

  #quantified(): RegexTree {
    const of = this.#term()
    const found = this.#take(/(?:[*+?]|\{\d+(?:,\d*)?\})\??/y)
    if (found === undefined) return of
    if (found.startsWith('{')) {
      const [min = '0', max = min] = found.slice(1, found.indexOf('}')).split(',')
      // One that is written out is never infinite: of that nothing could be reckoned.
      if (Math.max(Number(min), Number(max)) > MAX_COUNT) throw new Error('is too large')
      return { kind: 'repeat', of, min: Number(min), max: max === '' ? Number.POSITIVE_INFINITY : Number(max) }
    }
    const max = found.startsWith('?') ? 1 : Number.POSITIVE_INFINITY
    return { kind: 'repeat', of, min: found.startsWith('+') ? 1 : 0, max }
  }

  #term(): RegexTree {
    const assertion = this.#take(/[\^$]|\\[bB]/y)
    if (assertion !== undefined) return { kind: 'at', where: ASSERTIONS[assertion] ?? 'start' }
    if (this.#text[this.#at] === '(') return this.#group()
    if (this.#take(/\\[1-9k]/y) !== undefined) throw new Error('refers back')
    return { kind: 'one', test: this.#test(this.#take(ONE) ?? '') }
  }

  #group(): RegexTree {
    const opened = this.#take(/\((?:\?(?:<?[=!]|<[^>]+>|:))?/y) ?? ''
    // Flags that hold inside of it only, where this Node knows them.
    if (opened === '(' && this.#text[this.#at] === '?') throw new Error('changes how it is matched')
    const look = LOOKS[opened as keyof typeof LOOKS]
    const of = this.#alternatives()
    this.#take(/\)/y)
    return look ? { kind: 'look', of, behind: look[0], wanted: look[1] } : of
  }

  /** What one character may be is asked of the engine of the language itself: one character cannot take long. */
  #test(source: string): CharTest {
    const known = this.#tests.get(source)
    if (known) return known
    let engine: RegExp | undefined
    let ascii: Int8Array | undefined
    const asked = (codePoint: number) => {
      engine ??= new RegExp(`^${source}$`, 'u')
      return engine.test(String.fromCodePoint(codePoint))
    }
    const test: CharTest = (codePoint) => {
      if (codePoint > 127) return asked(codePoint)
      ascii ??= new Int8Array(128)
      if (ascii[codePoint] === 0) ascii[codePoint] = asked(codePoint) ? 1 : -1
      return ascii[codePoint] === 1
    }
    this.#tests.set(source, test)
    return test
  }

  #take(form: RegExp): string | undefined {
    form.lastIndex = this.#at
    const found = form.exec(this.#text)?.[0]
    this.#at += found?.length ?? 0
    return found
  }
}

/** A class, an escape or a character. A pair of escaped surrogates is one character. */
const ONE =
  /\[(?:[^\]\\]|\\.)*\]|\\u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|\\(?:u\{[\da-fA-F]+\}|u[\da-fA-F]{4}|x[\da-fA-F]{2}|c[A-Za-z]|[pP]\{[^}]*\}|.)|./suy
