// Keeps registered secrets with their forms; it may forget a value only once its name has had a hundred newer ones.
import { ClonedError } from 'cloned/kernel'
import { formsOf, valueProblem } from './forms.js'
import { Matcher, type Pattern } from './matcher.js'

/** Values of one name that are kept. A name whose value changes every minute must not fill the memory. */
const MAX_VALUES = 100

/** A registered secret, as the world may see it. */
export interface Registered {
  readonly name: string
  readonly marker: Uint8Array
}

export class Secrets {
  readonly #secrets = new Map<number, Registered>()
  /** Numbers of secrets by value, oldest first. */
  readonly #values = new Map<string, number>()
  /** By their bytes. Secrets can be forms of each other: the first that was registered gives the form its name. */
  #patterns = new Map<string, Pattern>()
  #matcher: Matcher | undefined
  #registered = 0

  /** Finds every form of every secret; absent while there is none. */
  get matcher(): Matcher | undefined {
    if (!this.#matcher && this.#patterns.size > 0) this.#matcher = new Matcher([...this.#patterns.values()])
    return this.#matcher
  }

  /** Throws `SECRET_UNSCRUBBABLE`. */
  register(name: string, value: Uint8Array): void {
    const key = Buffer.from(value).toString('latin1')
    if (this.#values.has(key)) return
    const problem = valueProblem(value)
    if (problem) throw new ClonedError('SECRET_UNSCRUBBABLE', { name, problem })
    const secret = this.#registered++
    this.#secrets.set(secret, { name, marker: Buffer.from(`[REDACTED:vault:${name}]`) })
    this.#values.set(key, secret)
    this.#addForms(key, secret)
    this.#forgetOldest(name)
    this.#matcher = undefined
  }

  get(secret: number): Registered {
    const known = this.#secrets.get(secret)
    if (!known) throw new RangeError(`there is no secret number ${secret}`)
    return known
  }

  #addForms(key: string, secret: number): void {
    for (const bytes of formsOf(Buffer.from(key, 'latin1'))) {
      const form = bytes.toString('latin1')
      if (!this.#patterns.has(form)) this.#patterns.set(form, { bytes, secret })
    }
  }

  #forgetOldest(name: string): void {
    const own = [...this.#values].filter(([, secret]) => this.#secrets.get(secret)?.name === name)
    const [oldest] = own
    if (own.length <= MAX_VALUES || !oldest) return
    this.#values.delete(oldest[0])
    this.#secrets.delete(oldest[1])
    // All anew: a form of the value that goes may be one of a value that stays.
    this.#patterns = new Map()
    for (const [key, secret] of this.#values) this.#addForms(key, secret)
  }
}
