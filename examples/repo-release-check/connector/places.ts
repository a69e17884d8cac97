// Says where in a project the check has to look: what package.json names, and what a release has by custom.
import type { Listed, Package } from './project.js'

/** Names of the changelog, the first one that is there counts. */
const CHANGELOGS = ['CHANGELOG.md', 'changelog.md', 'CHANGES.md', 'HISTORY.md']
const CUSTOMARY = [
  ...CHANGELOGS,
  ...['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'LICENCE', 'LICENCE.md', 'COPYING'],
  ...['package-lock.json', '.git/packed-refs'],
]
const MAX_GLOB = 250
const MAX_CHOICES = 30
const MAX_NAMED = 500

/** Globs for everything that the check has to know of; names that a glob cannot say are left out. */
export function globsOf(project: Package): readonly string[] {
  const named = namedFiles(project).filter((path) => /^[\w@.*/-]+$/.test(path) && !path.includes('**'))
  return [...choices([...CUSTOMARY, ...named]), '.git/refs/tags/**']
}

/** What package.json says is a file of the project, without a leading `./`; each once, in its order. */
export function namedFiles(project: Package): readonly string[] {
  const bin = typeof project.bin === 'string' ? [project.bin] : project.bin
  const all = [project.main, project.module, project.types, project.typings, bin, project.exports, project.files]
  const texts = all.flatMap((value) => stringsIn(value, 0)).filter((path) => !path.startsWith('!'))
  const paths = texts.map((path) => path.replace(/^\.?\/+/, '').replace(/\/+$/, ''))
  return [...new Set(paths.filter((path) => path !== ''))].slice(0, MAX_NAMED)
}

/** The files to be read of those that were found: the changelog, the lock file and the packed tags. */
export function filesToRead(found: Listed, directory: string): readonly string[] {
  const inside = (name: string) => (directory === '.' ? name : `${directory}/${name}`)
  const has = (name: string) => found.files.has(name)
  const changelog = CHANGELOGS.find(has)
  return [changelog, 'package-lock.json', '.git/packed-refs'].flatMap((name) =>
    name && has(name) ? [inside(name)] : [],
  )
}

function stringsIn(value: unknown, depth: number): readonly string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null || depth > 8) return []
  return Object.values(value).flatMap((inner) => stringsIn(inner, depth + 1))
}

/** Packs names into as few `{a,b}` globs as they fit in. */
function choices(names: readonly string[]): readonly string[] {
  const globs: string[][] = []
  let length = MAX_GLOB
  for (const name of new Set(names)) {
    if (name.length > MAX_GLOB) continue
    length += name.length + 1
    const last = globs.at(-1)
    if (last && length < MAX_GLOB && last.length < MAX_CHOICES) last.push(name)
    else {
      globs.push([name])
      length = name.length + 2
    }
  }
  return globs.map((group) => (group.length === 1 ? (group[0] ?? '') : `{${group.join(',')}}`))
}
