// The rules for finding records from a sequence on: nothing before is read, and nothing after is missed.
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openAuditLog } from '../../plugins/audit/log.js'
import { seekTo } from '../../plugins/audit/seek.js'

const COUNT = 6000
let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cloned-find-'))
  const log = openAuditLog({ dir, thread: 'inline' })
  const filler = (n: number) => 'x'.repeat((n * 7919) % 900)
  await Promise.all(
    Array.from({ length: COUNT }, (_, n) =>
      log.append({ type: 'acme.note', ts: 't', approval: n % 100 === 0 ? 'ap_1' : 'ap_2', text: filler(n) }),
    ),
  )
  await log.close()
})
afterAll(() => rm(dir, { recursive: true }))

describe('a search from a sequence on', () => {
  it('finds exactly what a search from the beginning finds from there', async () => {
    const log = openAuditLog({ dir, thread: 'inline' })
    const all = await log.find('ap_1')
    expect(all.length).toBe(COUNT / 100)
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: COUNT + 10 }), async (from) => {
        const found = await log.find('ap_1', from)
        expect(found.map(({ seq }) => seq)).toEqual(all.map(({ seq }) => seq).filter((seq) => seq >= from))
      }),
      { numRuns: 60 },
    )
    await log.close()
  })

  it('begins at a line, at or shortly before the record', async () => {
    const handle = await open(join(dir, 'audit.log'))
    const { size } = await handle.stat()
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: COUNT }), async (seq) => {
        const at = await seekTo(handle, seq, size)
        const { buffer, bytesRead } = await handle.read(Buffer.alloc(400 * 1024), 0, 400 * 1024, at)
        const text = buffer.toString('utf8', 0, bytesRead)
        expect(text.startsWith('{"v":1,"seq":')).toBe(true)
        expect(Number(/"seq":(\d+)/.exec(text)?.[1])).toBeLessThanOrEqual(seq)
        expect(text).toContain(`{"v":1,"seq":${seq},`)
      }),
      { numRuns: 60 },
    )
    await handle.close()
  })
})
