// Keeps space on the disk that nobody else can use up; given back once, for the log's last words.
import { randomBytes } from 'node:crypto'
import { existsSync, rmSync, statfsSync } from 'node:fs'
import { writeFileAtomic } from 'cloned/kernel'
import type { AuditPaths } from './paths.js'

const RESERVE_BYTES = 1024 * 1024
/** Below this the reserve would itself take what calls need. */
const NEEDED_BYTES = 8 * RESERVE_BYTES

/** Makes the reserve, unless there is one or the disk is too full for it. */
export function keepReserve(paths: AuditPaths): void {
  if (existsSync(paths.reserve)) return
  const { bavail, bsize } = statfsSync(paths.side)
  // Random, because a file system that compresses would give zeros no space.
  if (bavail * bsize > NEEDED_BYTES) writeFileAtomic(paths.reserve, randomBytes(RESERVE_BYTES))
}

export function giveReserve(paths: AuditPaths): void {
  rmSync(paths.reserve, { force: true })
}
