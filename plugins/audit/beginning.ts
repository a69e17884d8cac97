// Finds the record that explains why a log does not begin at its beginning; everything it says is still to be proven.
import type { Json } from 'cloned/kernel'
import { logLinesFromEnd } from './files.js'
import { parseRecord } from './format.js'
import type { Pruned } from './own-records.js'
import type { AuditPaths } from './paths.js'

const NEEDLE = Buffer.from('"type":"log.prune"')
const HASH = /^[0-9a-f]{64}$/

/** The newest record that says that `seq` 1 to `gone`, or more, were pruned: a crash leaves files that were to go. */
export async function prunedBeginning(paths: AuditPaths, gone: number): Promise<Pruned | undefined> {
  for await (const { lines } of logLinesFromEnd(paths)) {
    for (const { bytes } of lines) {
      if (!bytes.includes(NEEDLE)) continue
      const record = parseRecord(bytes)
      if (typeof record === 'string' || record['type'] !== 'log.prune') continue
      const { size, last_hash: hash, frontier, vkeys } = record
      const hashes = texts(frontier)
      if (typeof size !== 'number' || size < gone || ![hash, ...hashes].every((each) => HASH.test(String(each))))
        continue
      return { size, last_hash: String(hash), frontier: hashes, vkeys: texts(vkeys) }
    }
  }
  return undefined
}

function texts(value: Json | undefined): readonly string[] {
  return Array.isArray(value) ? value.map(String) : []
}
