// Reads every line of the log on the calling thread; must never hold more than a chunk and a line.
import { closeSync, constants, existsSync, openSync } from 'node:fs'
import { REAL_OPS, readUpTo } from './file-ops.js'
import { CHUNK, LineSplitter } from './lines.js'
import type { AuditPaths } from './paths.js'
import { listSegments } from './segments.js'

/** Calls `visit` with every complete line, segments first. For threads that may block. */
export function forEachLineSync(paths: AuditPaths, visit: (line: Buffer) => void): void {
  const files = [...listSegments(paths).map(({ path }) => path), paths.log]
  for (const path of files) {
    if (!existsSync(path)) continue
    const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
    try {
      const lines = new LineSplitter()
      for (
        let at = 0, chunk = readUpTo(REAL_OPS, fd, CHUNK, 0);
        chunk.length > 0;
        chunk = readUpTo(REAL_OPS, fd, CHUNK, at)
      ) {
        at += chunk.length
        for (const line of lines.push(chunk)) visit(line)
      }
    } finally {
      closeSync(fd)
    }
  }
}
