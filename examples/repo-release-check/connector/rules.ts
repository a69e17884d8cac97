// Decides what of a project does not fit together; every rule says what it looked at, and looks at nothing else.
import { readChangelog, withEntry } from './changelog.js'
import { licenceProblems } from './licences.js'
import { namedFiles } from './places.js'
import type { Listed, Package } from './project.js'
import { compareVersions, versionOf } from './version.js'

/** `error`: must not be released so. `warning`: should be looked at. */
export interface Finding {
  readonly level: 'error' | 'warning'
  readonly rule: 'version' | 'changelog' | 'tag' | 'lock' | 'files' | 'licence' | 'dependencies'
  readonly message: string
}

/** Everything that the rules look at. */
export interface Project {
  readonly package: Package
  readonly listed: Listed
  readonly changelog?: { readonly path: string; readonly content: string }
  /** package-lock.json, or why it cannot be read. */
  readonly lock?: Package | string
  readonly tags: readonly string[]
  readonly allowedLicences: readonly string[]
}

/** A file as it should be. */
export interface Fix {
  readonly path: string
  readonly content: string
  readonly why: string
}

const MAX_DEPENDENCIES = 50

/** Every finding, in the order of the rules. */
export function findingsOf(project: Project): readonly Finding[] {
  return [
    ...versionRule(project),
    ...changelogRule(project),
    ...tagRule(project),
    ...lockRule(project),
    ...filesRule(project),
    ...licenceRule(project),
    ...dependenciesRule(project),
  ]
}

/** What would mend the changelog; nothing else is mended by a program. */
export function fixOf({ package: { version: text }, changelog }: Project): Fix | undefined {
  const version = versionOf(String(text))
  if (!version || !changelog) return undefined
  const { versions } = readChangelog(changelog.content)
  if (versions.some((known) => known.text === version.text)) return undefined
  return {
    path: changelog.path,
    content: withEntry(changelog.content, version.text),
    why: `${changelog.path} gets an empty entry for ${version.text}`,
  }
}

const error = (rule: Finding['rule'], message: string): Finding => ({ level: 'error', rule, message })
const warning = (rule: Finding['rule'], message: string): Finding => ({ level: 'warning', rule, message })

function versionRule({ package: { version } }: Project): Finding[] {
  return versionOf(String(version))
    ? []
    : [error('version', `package.json has no semantic version: ${JSON.stringify(version ?? null)}`)]
}

function changelogRule({ package: { version: text }, changelog }: Project): Finding[] {
  if (!changelog) return [warning('changelog', 'there is no changelog')]
  const version = versionOf(String(text))
  if (!version) return []
  const { versions, unreleased } = readChangelog(changelog.content)
  const [newest] = versions
  if (!versions.some((known) => known.text === version.text)) {
    return [
      error(
        'changelog',
        `${changelog.path} has no entry for ${version.text}${newest ? `; its newest is ${newest.text}` : ''}`,
      ),
    ]
  }
  const findings: Finding[] = []
  if (newest && newest.text !== version.text) {
    findings.push(error('changelog', `the newest entry of ${changelog.path} is ${newest.text}, not ${version.text}`))
  }
  if (unreleased) findings.push(warning('changelog', `${changelog.path} has unreleased changes above ${version.text}`))
  return findings
}

function tagRule({ package: { version: text }, tags }: Project): Finding[] {
  const version = versionOf(String(text))
  const tagged = tags.flatMap((tag) => versionOf(tag) ?? []).sort(compareVersions)
  const newest = tagged.at(-1)
  if (!version || !newest || compareVersions(version, newest) >= 0) return []
  return [error('tag', `the version ${version.text} is behind the newest tag, ${newest.text}`)]
}

function lockRule({ package: about, lock }: Project): Finding[] {
  if (lock === undefined) return [warning('lock', 'there is no package-lock.json')]
  if (typeof lock === 'string') return [error('lock', `package-lock.json ${lock}`)]
  const root = ((lock['packages'] as Package | undefined)?.[''] ?? lock) as Package
  return (['name', 'version'] as const).flatMap((field) =>
    root[field] === about[field]
      ? []
      : [
          error(
            'lock',
            `package-lock.json has the ${field} ${JSON.stringify(root[field] ?? null)}, package.json ${JSON.stringify(about[field] ?? null)}`,
          ),
        ],
  )
}

function filesRule({ package: about, listed: { files, directories } }: Project): Finding[] {
  return namedFiles(about).flatMap((path) => {
    if (path.split('/').includes('..'))
      return [error('files', `package.json names ${JSON.stringify(path)}, outside of the project`)]
    if (!/^[\w@./-]+$/.test(path)) return []
    const found = files.has(path) || directories.has(path)
    return found ? [] : [error('files', `package.json names ${JSON.stringify(path)}, which is not there`)]
  })
}

function licenceRule({ package: { license, private: hidden }, listed: { files } }: Project): Finding[] {
  if (hidden === true && license === undefined) return []
  if (typeof license !== 'string' || license === '') return [error('licence', 'package.json names no licence')]
  const there = [...files].some((path) => /^(licen[cs]e|copying)(\.(md|txt))?$/i.test(path))
  return there || license === 'UNLICENSED'
    ? []
    : [warning('licence', `package.json says ${license}, and there is no file with its text`)]
}

function dependenciesRule({ lock, allowedLicences }: Project): Finding[] {
  if (lock === undefined || typeof lock === 'string') return []
  const problems = licenceProblems(lock, allowedLicences)
  const shown = problems
    .slice(0, MAX_DEPENDENCIES)
    .map(({ name, problem }) => error('dependencies', `${name} ${problem}`))
  const more = problems.length - shown.length
  return more > 0 ? [...shown, error('dependencies', `and ${more} more`)] : shown
}
