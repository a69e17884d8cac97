// Matches regular expressions in steps in proportion to the text, whoever wrote them; never by trying one way after another.
import type { Matches } from './pattern.js'
import { engineCost, isAnchored } from './regex-cost.js'
import { type CharTest, type RegexTree, readRegex, type Where } from './regex-tree.js'
import { freshSteps, spend, TooLong } from './steps.js'

/** A pattern that is matched in bounded time. */
export interface Regex {
  /** How large it is; 0 for one that the engine of the language matches. */
  readonly states: number
  /** Whether it matches anywhere in the text. Counts its steps: may throw {@link TooLong} within a judgement. */
  test(text: string): boolean
}

/** More are patterns of counted repetitions in each other, written to take long. */
const MAX_STATES = 5_000
const MAX_LOOKS = 16
/** Programs are kept up to so many states, of all patterns together. */
const MAX_KEPT = 100_000

/** Compiles a pattern of the flag `u`. Throws for one that cannot be matched so, with what is wrong with it. */
export function compileRegex(pattern: string): Regex {
  const tree = readRegex(pattern)
  const cost = engineCost(tree)
  if (cost === undefined) return linear(pattern)
  const engine = new RegExp(pattern, 'u')
  return {
    states: 0,
    test(text) {
      spend(1 + Math.floor(((cost.once ? 1 : text.length) * cost.each) / 16))
      return engine.test(text)
    },
  }
}

/** The same for a text of no judgement. One that takes more steps does not match. Throws as {@link compileRegex} does. */
export function boundedRegex(pattern: string, steps: number): Matches {
  const regex = compileRegex(pattern)
  return (text) => {
    freshSteps(steps)
    try {
      return regex.test(text)
    } catch (error) {
      if (!(error instanceof TooLong)) throw error
      return false
    }
  }
}

type One = { readonly op: 'one'; readonly test: CharTest; readonly next: number }
type State =
  | One
  | { readonly op: 'fork'; first: number; readonly second: number }
  | { readonly op: 'at'; readonly where: Where; readonly next: number }
  | { readonly op: 'look'; readonly look: number; readonly wanted: boolean; readonly next: number }
  | { readonly op: 'done' }

interface Entry {
  readonly start: number
  /** It is walked from the end of the text to its beginning. */
  readonly back: boolean
}

/** By pattern, used last at the end: strangers' patterns come in thousands, and few of them are ever matched. */
const programs = new Map<string, Program>()
let kept = 0

function programOf(pattern: string): Program {
  const known = programs.get(pattern)
  const program = known ?? new Program(readRegex(pattern))
  programs.delete(pattern)
  programs.set(pattern, program)
  if (known) return known
  kept += program.states.length
  for (const [oldest, { states }] of programs) {
    if (kept <= MAX_KEPT) break
    programs.delete(oldest)
    kept -= states.length
  }
  return program
}

/** All states at once, one character after the other (Thompson). Exported for its tests. */
export function linear(pattern: string): Regex {
  const { length } = programOf(pattern).states
  return {
    states: length,
    test(text) {
      if (!programs.has(pattern)) spend(length)
      return new Walk(programOf(pattern), text).matches()
    },
  }
}

class Program {
  readonly states: State[] = [{ op: 'done' }]
  /** What is looked for beside the way; the inner ones first. */
  readonly looks: Entry[] = []
  readonly entry: Entry
  readonly anchored: boolean
  readonly #known = new Map<RegexTree, number>()

  constructor(tree: RegexTree) {
    this.anchored = isAnchored(tree)
    this.entry = { start: this.#write(tree, 0, false), back: false }
  }

  /** The state from which the tree leads to `next`. */
  #write(tree: RegexTree, next: number, back: boolean): number {
    switch (tree.kind) {
      case 'one':
        return this.#add({ op: 'one', test: tree.test, next })
      case 'at':
        return this.#add({ op: 'at', where: tree.where, next })
      case 'look':
        return this.#add({ op: 'look', look: this.#look(tree), wanted: tree.wanted, next })
      case 'or':
        return tree.parts
          .map((part) => this.#write(part, next, back))
          .reduce((second, first) => this.#add({ op: 'fork', first, second }))
      case 'seq':
        return (back ? tree.parts : [...tree.parts].reverse()).reduce((at, part) => this.#write(part, at, back), next)
      case 'repeat':
        return this.#repeat(tree, next, back)
    }
  }

  #repeat({ of, min, max }: Extract<RegexTree, { kind: 'repeat' }>, next: number, back: boolean): number {
    let at = next
    if (max === Number.POSITIVE_INFINITY) {
      const fork: State = { op: 'fork', first: next, second: next }
      at = this.#add(fork)
      fork.first = this.#write(of, at, back)
    } else {
      for (let i = min; i < max; i++) at = this.#add({ op: 'fork', first: this.#write(of, at, back), second: next })
    }
    for (let i = 0; i < min; i++) {
      const before = at
      at = this.#write(of, at, back)
      // Nothing, however often.
      if (at === before) break
    }
    return at
  }

  #look(tree: Extract<RegexTree, { kind: 'look' }>): number {
    const known = this.#known.get(tree)
    if (known !== undefined) return known
    // What must follow is found from where it ends, and what must stand before from where it begins.
    const back = !tree.behind
    const start = this.#write(tree.of, 0, back)
    if (this.looks.length === MAX_LOOKS) throw new Error('looks ahead or back too often')
    this.looks.push({ start, back })
    this.#known.set(tree, this.looks.length - 1)
    return this.looks.length - 1
  }

  #add(state: State): number {
    if (this.states.length === MAX_STATES) throw new Error('is too large')
    this.states.push(state)
    return this.states.length - 1
  }
}

class Walk {
  readonly #program: Program
  readonly #text: string
  /** For each place whether what is looked for begins or ends there. */
  readonly #seen: Uint8Array[] = []
  readonly #marks: Uint32Array
  readonly #open: number[] = []
  #mark = 0
  /** Whether it got through at the place it is at. */
  #through = false

  constructor(program: Program, text: string) {
    this.#program = program
    this.#text = text
    this.#marks = new Uint32Array(program.states.length)
  }

  matches(): boolean {
    const { looks, entry } = this.#program
    for (const look of looks) {
      const seen = new Uint8Array(this.#text.length + 1)
      this.#walk(look, seen)
      this.#seen.push(seen)
    }
    return this.#walk(entry, undefined)
  }

  /** Begins at every place. Answers at once where it gets through, or notes every place where it does. */
  #walk({ start, back }: Entry, seen: Uint8Array | undefined): boolean {
    const { anchored } = this.#program
    const text = this.#text
    const last = back ? 0 : text.length
    // States that wait for a character, and those that they lead to. Both are written over at each place.
    const waiting: One[] = []
    const alive: number[] = []
    for (let at = text.length - last; ; ) {
      this.#mark++
      this.#through = false
      waiting.length = 0
      for (const each of alive) this.#follow(each, at, waiting)
      // What has to begin at the beginning does not begin again.
      if (seen || !anchored || at === 0) this.#follow(start, at, waiting)
      else if (waiting.length === 0 && !this.#through) return false
      if (this.#through && !seen) return true
      if (this.#through && seen) seen[at] = 1
      if (at === last) return false
      const codePoint = back ? before(text, at) : (text.codePointAt(at) ?? 0)
      at += (codePoint > 0xffff ? 2 : 1) * (back ? -1 : 1)
      alive.length = 0
      for (const { test, next } of waiting) if (test(codePoint)) alive.push(next)
    }
  }

  /** Adds the states that are reached from here without a character and wait for one. */
  #follow(from: number, at: number, waiting: One[]): void {
    const { states } = this.#program
    const open = this.#open
    let steps = 0
    for (let each: number | undefined = from; each !== undefined; each = open.pop()) {
      steps++
      if (this.#marks[each] === this.#mark) continue
      this.#marks[each] = this.#mark
      const state = states[each]
      if (state?.op === 'one') waiting.push(state)
      else if (state?.op === 'fork') open.push(state.second, state.first)
      else if (state?.op === 'done') this.#through = true
      else if (state && this.#holds(state, at)) open.push(state.next)
    }
    spend(steps)
  }

  #holds(state: Extract<State, { op: 'at' | 'look' }>, at: number): boolean {
    const text = this.#text
    if (state.op === 'look') return (this.#seen[state.look]?.[at] === 1) === state.wanted
    if (state.where === 'start') return at === 0
    if (state.where === 'end') return at === text.length
    return (isWord(text, at - 1) !== isWord(text, at)) === (state.where === 'edge')
  }
}

/** The code point that ends before this place. */
function before(text: string, at: number): number {
  const last = text.charCodeAt(at - 1)
  const whole = at > 1 && (last & 0xfc00) === 0xdc00 ? (text.codePointAt(at - 2) ?? 0) : 0
  return whole > 0xffff ? whole : last
}

function isWord(text: string, at: number): boolean {
  return at >= 0 && at < text.length && /\w/.test(text[at] ?? '')
}
