// Turns untrusted values into frozen plain JSON and into canonical bytes; must never accept what JSON cannot say.
import { hash } from 'node:crypto'
import { ClonedError } from './errors.js'

/** A JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
/** A JSON object. */
export type JsonObject = { readonly [key: string]: Json }

/** How deep and how large a value may be. `bytes` is an estimate: UTF-16 units of strings plus 8 per other value. */
export interface JsonLimits {
  readonly depth: number
  readonly bytes: number
}

/** The limits of an input when the distribution sets none. */
export const DEFAULT_JSON_LIMITS: JsonLimits = Object.freeze({ depth: 64, bytes: 1024 * 1024 })

/** Freezes a plain value and everything in it. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  Object.freeze(value)
  for (const part of Object.values(value)) deepFreeze(part)
  return value
}

/**
 * Copies a value into deep-frozen plain JSON.
 * Throws `VALUE_NOT_JSON` for a cycle, NaN, infinity, undefined, function, bigint, symbol, class instance, sparse array,
 * accessor, lone surrogate, forbidden key or hostile proxy, and `VALUE_TOO_LARGE` over the limits; both name the JSON pointer.
 */
export function snapshot(value: unknown, limits: JsonLimits = DEFAULT_JSON_LIMITS): Json {
  return new Snapshot(limits).root(value)
}

class Snapshot {
  readonly #limits: JsonLimits
  readonly #open: object[] = []
  readonly #path: (string | number)[] = []
  #left: number

  constructor(limits: JsonLimits) {
    this.#limits = limits
    this.#left = limits.bytes
  }

  root(value: unknown): Json {
    try {
      return this.take(value)
    } catch (error) {
      if (error instanceof ClonedError) throw error
      throw this.#notJson('something that cannot be read')
    }
  }

  take(value: unknown): Json {
    switch (typeof value) {
      case 'string':
        this.#spend(value.length)
        if (!value.isWellFormed()) throw this.#notJson('a string with half a surrogate pair')
        return value
      case 'number':
        this.#spend(8)
        if (!Number.isFinite(value)) throw this.#notJson(String(value))
        // JSON text does not tell -0 from 0, so they would be two inputs under one digest.
        return value === 0 ? 0 : value
      case 'boolean':
        this.#spend(8)
        return value
      case 'object':
        return value === null ? null : this.#container(value)
      default:
        throw this.#notJson(typeof value)
    }
  }

  #container(value: object): Json {
    if (this.#open.includes(value)) throw this.#notJson('a cycle')
    if (this.#open.length >= this.#limits.depth) throw this.#tooLarge(`${this.#limits.depth} levels`)
    this.#open.push(value)
    this.#spend(8)
    const copy = Array.isArray(value) ? this.#array(value) : this.#object(value)
    this.#open.pop()
    return Object.freeze(copy)
  }

  #array(value: readonly unknown[]): Json[] {
    const copy: Json[] = []
    for (let i = 0; i < value.length; i++) {
      this.#path.push(i)
      if (!(i in value)) throw this.#notJson('a hole in an array')
      copy.push(this.take(value[i]))
      this.#path.pop()
    }
    return copy
  }

  #object(value: object): { [key: string]: Json } {
    const prototype = Object.getPrototypeOf(value)
    if (prototype !== Object.prototype && prototype !== null) {
      throw this.#notJson(`an instance of ${prototype.constructor?.name ?? 'a class'}`)
    }
    const copy: { [key: string]: Json } = {}
    for (const key of Reflect.ownKeys(value)) {
      if (typeof key === 'symbol') throw this.#notJson('a symbol key')
      this.#path.push(key)
      this.#spend(key.length)
      if (key === '__proto__') throw this.#notJson('the key "__proto__"')
      if (!key.isWellFormed()) throw this.#notJson('a key with half a surrogate pair')
      const property = Object.getOwnPropertyDescriptor(value, key)
      // An accessor could answer differently on every read, so it is refused rather than read.
      if (!property || !('value' in property)) throw this.#notJson('an accessor')
      copy[key] = this.take(property.value)
      this.#path.pop()
    }
    return copy
  }

  #spend(units: number): void {
    this.#left -= units
    if (this.#left < 0) throw this.#tooLarge(`${this.#limits.bytes} bytes`)
  }

  #pointer(): string {
    return this.#path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('') || '/'
  }

  #notJson(found: string): ClonedError {
    return new ClonedError('VALUE_NOT_JSON', { path: this.#pointer(), found })
  }

  #tooLarge(limit: string): ClonedError {
    return new ClonedError('VALUE_TOO_LARGE', { path: this.#pointer(), limit })
  }
}

/**
 * The canonical text of a JSON value (RFC 8785: keys by UTF-16 order, shortest numbers).
 * The value must come from {@link snapshot} or `JSON.parse`; equal values give equal text.
 */
export function canonical(value: Json): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) {
    let text = '['
    for (let i = 0; i < value.length; i++) text += (i ? ',' : '') + canonical(value[i] as Json)
    return `${text}]`
  }
  const object = value as JsonObject
  const keys = Object.keys(object).sort()
  let text = '{'
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as string
    text += `${i ? ',' : ''}${JSON.stringify(key)}:${canonical(object[key] as Json)}`
  }
  return `${text}}`
}

/** SHA-256 of a text or bytes, 64 lower-case hex digits. */
export function sha256(data: string | Uint8Array): string {
  return hash('sha256', data, 'hex')
}

/** SHA-256 of the canonical text of a value. */
export function digest(value: Json): string {
  return sha256(canonical(value))
}
