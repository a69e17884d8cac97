// Finds the versions in a changelog, and words the entry that is missing; changes nothing but that.
import { type Version, versionOf } from './version.js'

const HEADING = /^(#{1,3})[ \t]+\[?(v?\d[0-9A-Za-z.+-]{0,100})\]?/
const UNRELEASED = /^#{1,3}[ \t]+\[?unreleased\]?/i

export interface Changelog {
  /** In the order of the file. */
  readonly versions: readonly Version[]
  /** Whether there is something under "Unreleased". */
  readonly unreleased: boolean
}

export function readChangelog(text: string): Changelog {
  const lines = text.split('\n')
  const versions = lines.flatMap((line) => versionOf(HEADING.exec(line)?.[2] ?? '') ?? [])
  const at = lines.findIndex((line) => UNRELEASED.test(line))
  const after = at < 0 ? [] : lines.slice(at + 1)
  const end = after.findIndex((line) => HEADING.test(line))
  const body = end < 0 ? after : after.slice(0, end)
  return { versions, unreleased: body.some((line) => line.trim() !== '' && !line.startsWith('#')) }
}

/** The changelog with an empty entry for this version, above the newest one. */
export function withEntry(text: string, version: string): string {
  const lines = text.split('\n')
  const at = lines.findIndex((line) => HEADING.test(line))
  const marks = HEADING.exec(lines[at] ?? '')?.[1] ?? '##'
  const entry = [`${marks} ${version}`, '', '- Not described yet.', '']
  if (at >= 0) return [...lines.slice(0, at), ...entry, ...lines.slice(at)].join('\n')
  return `${[text.trim() || '# Changelog', '', ...entry].join('\n').trimEnd()}\n`
}
