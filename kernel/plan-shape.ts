// Checks the shape of a distribution; pure, and must never let a misspelt promise pass as one that was made.
import valid from 'semver/functions/valid.js'
import { DEFAULT_LIMITS, type Distribution } from './distribution.js'
import { ClonedError } from './errors.js'
import { didYouMean } from './nearest.js'

type Check = (value: unknown) => string | undefined

const text = (what: string) => (value: unknown) =>
  typeof value === 'string' && value !== '' ? undefined : `is not ${what}`
const texts = (value: unknown) =>
  Array.isArray(value) && value.every((item) => typeof item === 'string') ? undefined : 'is not a list of ids'
const record = (check: Check) => (value: unknown) =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.entries(value)
        .map(([key, item]) => problemAt(`.${key} `, check(item)))
        .find((problem) => problem)
    : ' is not an object'

const CHECKS: Readonly<Record<keyof Distribution, Check>> = {
  name: (value) => problemAt(' ', text('a name')(value)),
  version: (value) => (typeof value === 'string' && valid(value) ? undefined : ' is not a semver version'),
  plugins: (value) => (Array.isArray(value) ? undefined : ' is not a list of plugins'),
  replace: record(text('the id of a plugin')),
  wrap: record(texts),
  omit: (value) => problemAt(' ', texts(value)),
  requireGuards: record(texts),
  mayAllow: (value) => problemAt(' ', texts(value)),
  limits: (value) => (typeof value === 'object' && value !== null ? undefined : ' is not an object'),
}

function problemAt(at: string, problem: string | undefined): string | undefined {
  return problem && `${at}${problem}`
}

/** Reports every problem of the shape; answers whether it can be planned at all. */
export function checkDistribution(distribution: Distribution, problems: ClonedError[]): boolean {
  let usable = true
  for (const [key, value] of Object.entries(distribution) as [string, unknown][]) {
    const check = Object.hasOwn(CHECKS, key) ? CHECKS[key as keyof Distribution] : undefined
    if (!check) report(problems, `it has an unknown key "${key}"${didYouMean(key, Object.keys(CHECKS))}`)
    const problem = value === undefined ? undefined : check?.(value)
    if (problem === undefined) continue
    report(problems, `${key}${problem}`)
    usable = false
  }
  for (const key of ['name', 'version', 'plugins'] as const) {
    if (distribution[key] !== undefined) continue
    report(problems, `${key} is missing`)
    usable = false
  }
  if (typeof distribution.limits === 'object')
    checkLimits(distribution.limits ?? {}, DEFAULT_LIMITS, 'limits', problems)
  return usable
}

/** A limit is a finite number above 0; one that is missing in a group would be no limit at all. */
function checkLimits(given: object, known: object, at: string, problems: ClonedError[]): void {
  for (const [key, value] of Object.entries(given) as [string, unknown][]) {
    const place = `${at}.${key}`
    const standard: unknown = Object.hasOwn(known, key) ? known[key as keyof typeof known] : undefined
    if (standard === undefined) {
      report(problems, `it has an unknown key "${place}"${didYouMean(key, Object.keys(known))}`)
    } else if (typeof standard === 'number') {
      if (!(typeof value === 'number' && Number.isFinite(value) && value > 0)) {
        report(problems, `${place} is not a number above 0`)
      }
    } else if (typeof value !== 'object' || value === null) {
      report(problems, `${place} is not an object`)
    } else {
      checkLimits(value, standard as object, place, problems)
      for (const part of Object.keys(standard as object)) {
        if (!Object.hasOwn(value, part)) report(problems, `${place}.${part} is missing`)
      }
    }
  }
}

function report(problems: ClonedError[], problem: string): void {
  problems.push(new ClonedError('DISTRIBUTION_INVALID', { problem }))
}
