// Judges the licences that a lock file names, by SPDX expressions; what it cannot read is never taken for allowed.
import type { Package } from './project.js'

/** What most projects may depend on. */
export const USUAL = [
  'MIT',
  'ISC',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'BlueOak-1.0.0',
  'CC0-1.0',
  'Unlicense',
  'Python-2.0',
  'CC-BY-4.0',
]

/** A dependency that is shipped, and what is wrong with its licence. */
export interface LicenceProblem {
  readonly name: string
  readonly problem: string
}

/** Problems of the dependencies in a lock file that are no development ones; sorted, each once. */
export function licenceProblems(lock: Package, allowed: readonly string[]): readonly LicenceProblem[] {
  const packages = lock['packages']
  if (typeof packages !== 'object' || packages === null) return []
  const problems = Object.entries(packages).flatMap(([path, entry]: [string, Package]) => {
    if (path === '' || entry['dev'] === true || entry['devOptional'] === true || entry['link'] === true) return []
    const name = `${path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)}@${entry['version']}`
    const licence = entry['license']
    if (typeof licence !== 'string' || licence === '') return [{ name, problem: 'names no licence' }]
    return isAllowed(licence, allowed) ? [] : [{ name, problem: `has the licence ${licence.slice(0, 100)}` }]
  })
  const byName = new Map(problems.map((problem) => [problem.name, problem]))
  return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Whether an SPDX expression can be met with these licences; `WITH` and what is malformed count as not allowed. */
export function isAllowed(expression: string, allowed: readonly string[]): boolean {
  const tokens = expression.match(/[()]|[^\s()]+/g) ?? []
  if (tokens.length > 100) return false
  let at = 0
  const any = (depth: number): boolean => {
    let met = all(depth)
    while (tokens[at]?.toUpperCase() === 'OR') {
      at++
      // Both sides are read, whatever the first one says.
      met = [all(depth), met].includes(true)
    }
    return met
  }
  const all = (depth: number): boolean => {
    let met = one(depth)
    while (tokens[at]?.toUpperCase() === 'AND') {
      at++
      met = one(depth) && met
    }
    return met
  }
  const one = (depth: number): boolean => {
    const token = tokens[at++]
    if (token !== '(') return token !== undefined && allowed.includes(token)
    const met = depth < 20 && any(depth + 1)
    return tokens[at++] === ')' && met
  }
  const met = any(0)
  return met && at === tokens.length
}
