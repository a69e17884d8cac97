import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ClonedError, describeThrown, ERRORS, type ErrorCode, isClonedError } from 'cloned/kernel'
import { describe, expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const TABLE = join(ROOT, 'kernel', 'error-table.ts')
const CODES = Object.keys(ERRORS) as ErrorCode[]

function sources(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) return sources(path)
    return /\.tsx?$/.test(entry.name) && path !== TABLE ? [path] : []
  })
}

const files = ['kernel', 'plugins'].flatMap((name) => sources(join(ROOT, name)))
const texts = files
  .filter((path) => !path.includes(`${join('kernel', 'testing')}`))
  .map((path) => readFileSync(path, 'utf8'))

/** Every code that stands where an error is made: as the first argument, or chosen by a condition there. */
const made = new Set(
  texts.flatMap((text) =>
    [...text.matchAll(/new ClonedError\(\s*([^{),]*)/g)].flatMap(([, code = '']) => code.match(/[A-Z][A-Z_]+/g) ?? []),
  ),
)
/** Every quoted code, for those that are handed to a function that makes the error. */
const quoted = new Set(texts.flatMap((text) => [...text.matchAll(/'([A-Z][A-Z_]{3,})'/g)].map(([, code = '']) => code)))

const params = (code: ErrorCode): Record<string, string> =>
  Object.fromEntries(
    [...`${ERRORS[code].what} ${ERRORS[code].next}`.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => [name, `<${name}>`]),
  )

describe('the error table', () => {
  it.each(CODES)('%s is made somewhere', (code) => {
    expect(made.has(code) || quoted.has(code)).toBe(true)
  })

  it('has every code that is made', () => {
    expect([...made].filter((code) => !Object.hasOwn(ERRORS, code))).toEqual([])
  })

  it.each(CODES)('%s says what happened and what to do next', (code) => {
    const error = new ClonedError(code, params(code) as never)
    for (const name of Object.keys(params(code))) expect(`${error.message} ${error.help}`).toContain(`<${name}>`)
    expect(`${error.message} ${error.help}`).not.toMatch(/\{\w+\}|undefined/)
    expect(ERRORS[code].what).toMatch(/\.$|\n\{problems\}$/)
    expect(ERRORS[code].next).toMatch(/\S/)
    expect(ERRORS[code].what).not.toMatch(/please|oops|sorry|!/i)
    expect([1, 2, 3, 4, 5, 6]).toContain(error.exit)
    expect(code).toMatch(/^[A-Z]+(_[A-Z]+)*$/)
  })
})

describe('an error', () => {
  it('is worded once: a parameter is never read as a template', () => {
    const error = new ClonedError('TOOL_UNKNOWN', { tool: '{near}', near: '{tool}' })
    expect(error.message).toBe('there is no tool "{near}"{tool}.')
  })

  it('ends a sentence once, when what it quotes ends with a full stop', () => {
    const { message } = new ClonedError('AUDIT_UNWRITABLE', { cause: 'the log lost its end.' })
    expect(message).toBe('the audit log did not accept the record: the log lost its end. Denied, failing closed.')
  })

  it('prints as code, message, subject and help, and as nothing more', () => {
    const error = new ClonedError(
      'SETUP_ASYNC',
      { plugin: 't.a' },
      { plugin: 't.a', declaredAt: 'a.ts:1', cause: new Error('hidden') },
    )
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      code: 'SETUP_ASYNC',
      message: error.message,
      plugin: 't.a',
      declared_at: 'a.ts:1',
      help: error.help,
    })
    expect(error.exit).toBe(1)
  })

  it('is known by its shape, so that one of another copy of the package counts', () => {
    const twin = Object.assign(new Error('x'), { name: 'ClonedError', code: 'TOOL_UNKNOWN' })
    expect(isClonedError(twin)).toBe(true)
    expect(isClonedError(new ClonedError('AUDIT_MISSING', {}))).toBe(true)
    const others: unknown[] = [
      undefined,
      null,
      'ClonedError',
      { name: 'ClonedError', code: 'TOOL_UNKNOWN' },
      Object.assign(new Error('x'), { name: 'ClonedError', code: 'toString' }),
      Object.assign(new Error('x'), { name: 'Error', code: 'TOOL_UNKNOWN' }),
      new Proxy(
        {},
        {
          getPrototypeOf() {
            throw new Error('trap')
          },
        },
      ),
    ]
    for (const other of others) expect(isClonedError(other)).toBe(false)
  })
})

describe('the text of what was thrown', () => {
  const throwing = {
    toString() {
      throw new Error('again')
    },
  }
  const rows: [string, unknown, string][] = [
    ['an error', new Error('boom'), 'boom'],
    ['an error without a message', new TypeError(), 'TypeError'],
    ['a text', 'boom', 'boom'],
    ['undefined', undefined, 'threw undefined'],
    ['null', null, 'threw null'],
    ['a symbol', Symbol('s'), 'threw Symbol(s)'],
    ['a number', 7, 'threw 7'],
    ['an object that cannot be a text', throwing, 'threw a value that cannot be shown'],
    ['an object without a prototype', Object.create(null), 'threw a value that cannot be shown'],
    [
      'an error whose message throws',
      Object.assign(new Error('x'), { message: throwing }),
      'threw a value that cannot be shown',
    ],
    ['an error whose message is no text', Object.assign(new Error('x'), { message: 7 }), '7'],
  ]
  it.each(rows)('is a text for %s', (_, thrown, text) => {
    expect(describeThrown(thrown)).toBe(text)
  })
})
