// Finds the lines of some records, unchanged; must never hold more than a chunk of them.
import { logLines } from './files.js'
import type { AuditPaths } from './paths.js'
import { storedRecord } from './read.js'
import { listSegments } from './segments.js'

/** Lines of records `from` to `to`, many at once. Throws `AUDIT_DAMAGED` for a line that is no record. */
export async function* linesBetween(
  paths: AuditPaths,
  from: number,
  to: number,
): AsyncGenerator<{ readonly first: number; readonly last: number; readonly bytes: Buffer }, void> {
  const first = listSegments(paths).findLast((segment) => segment.first <= from)?.first
  for await (const { path, lines } of logLines(paths, first === undefined ? undefined : { first, offset: 0 })) {
    const wanted: Buffer[] = []
    let [begin, last] = [0, 0]
    for (const line of lines) {
      const { seq } = storedRecord(path, line)
      if (seq < from || seq > to) continue
      if (wanted.push(line.bytes) === 1) begin = seq
      last = seq
    }
    if (wanted.length > 0) yield { first: begin, last, bytes: Buffer.concat(wanted) }
    if (last >= to) return
  }
}
