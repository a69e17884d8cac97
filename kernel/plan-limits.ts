// Checks the keys and limits of a distribution; pure, and must never let a misspelt promise pass as one that was made.
import { DEFAULT_LIMITS, type Distribution } from './distribution.js'
import { ClonedError } from './errors.js'
import { didYouMean } from './nearest.js'

const KEYS: Readonly<Record<keyof Distribution, true>> = {
  name: true,
  version: true,
  plugins: true,
  replace: true,
  omit: true,
  requireGuards: true,
  mayAllow: true,
  limits: true,
}

export function checkDistribution(distribution: Distribution, problems: ClonedError[]): void {
  for (const key of Object.keys(distribution)) {
    if (!Object.hasOwn(KEYS, key))
      report(problems, `it has an unknown key "${key}"${didYouMean(key, Object.keys(KEYS))}`)
  }
  checkLimits(distribution.limits ?? {}, DEFAULT_LIMITS, 'limits', problems)
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
