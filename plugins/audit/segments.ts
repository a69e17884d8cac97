// Names the closed files of the log in order; must never take another file for one of them.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { AuditPaths } from './paths.js'

const NAME = /^(\d{12,16})\.jsonl$/

/** A closed file of the log. */
export interface Segment {
  /** `seq` of its first record. */
  readonly first: number
  readonly path: string
}

/** The path of the segment that begins with record `first`: twelve digits, so that names sort as numbers do. */
export function segmentPath(paths: AuditPaths, first: number): string {
  return join(paths.segments, `${String(first).padStart(12, '0')}.jsonl`)
}

/** The segments that are there, oldest first. */
export function listSegments(paths: AuditPaths): readonly Segment[] {
  if (!existsSync(paths.segments)) return []
  return readdirSync(paths.segments)
    .flatMap((name) => {
      const first = Number(NAME.exec(name)?.[1])
      const path = join(paths.segments, name)
      return path === segmentPath(paths, first) ? [{ first, path }] : []
    })
    .sort((a, b) => a.first - b.first)
}
