// A log of a million records is taken in once, then found in by index and read from its files.
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Mirror } from '../../plugins/audit/mirror.js'
import { auditPaths } from '../../plugins/audit/paths.js'
import { newDir, newWriter, TS } from '../plugins/audit-helpers.js'
import { opened } from '../plugins/store-fixture.js'

const RECORDS = 1_000_000
const BATCH = 5_000

const body = (n: number) => {
  const status = n % 100_000 === 7 ? 'denied' : 'done'
  const call = { call_id: `c${n}`, instance: 'i', target: `acme.tool.t${n % 50}@v1`, actor: { id: `agent:${n % 20}` } }
  return JSON.stringify({ type: 'tool.outcome', ts: TS, ...call, status }).slice(1)
}

describe('the mirror of a million records', () => {
  it('takes them in within the memory of a few, and then only what is new', async () => {
    const dir = newDir()
    const writer = newWriter(dir)
    for (let n = 0; n < RECORDS; n += BATCH) {
      writer.write({ ts: TS, bodies: Array.from({ length: BATCH }, (_, i) => body(n + i)) })
    }
    const store = await opened(join(dir, 'state.db'))
    const mirror = new Mirror(auditPaths(dir), store)
    const before = process.memoryUsage().rss
    await mirror.sync()
    expect(process.memoryUsage().rss - before, 'bytes more than before').toBeLessThan(400 * 1024 * 1024)
    const denied = await mirror.query({ outcome: 'denied', limit: 1_000 })
    expect(denied.map(({ record }) => record['call_id'])).toEqual(
      Array.from({ length: 10 }, (_, n) => `c${n * 100_000 + 7}`),
    )
    writer.write({ ts: TS, bodies: [body(RECORDS + 7)] })
    const [newest] = await mirror.query({ tool: `acme.tool.t${(RECORDS + 7) % 50}`, limit: 1 })
    expect(newest?.record['call_id']).toBe(`c${RECORDS + 7}`)
  })
})
