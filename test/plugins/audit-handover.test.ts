import { LockFile } from 'cloned/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Batch } from '../../plugins/audit/batch.js'
import { newHandover } from '../../plugins/audit/handover.js'
import { auditPaths } from '../../plugins/audit/paths.js'
import { type InlineTransport, newInlineTransport } from '../../plugins/audit/transport.js'
import { batch, body, newDir, recordsOf, TS, verifyDir } from './audit-helpers.js'

/** A writer on a directory that notes what is done with it. */
function noting(dir: string, name: string, done: string[], fails = false): InlineTransport {
  const real = newInlineTransport({ paths: auditPaths(dir) })
  const noted =
    <T>(write: (one: Batch) => Promise<T>) =>
    async (one: Batch) => {
      done.push(`${name} writes`)
      if (fails) throw new Error('the disk is gone')
      return write(one)
    }
  return {
    write: noted(real.write),
    writeNow: noted(real.writeNow),
    tree: () => real.tree(),
    rotate: (first, ts) => real.rotate(first, ts),
    close: async () => {
      done.push(`${name} closes`)
      await real.close()
    },
  }
}

describe('a log that a thread takes over', () => {
  it('has every batch once and in order, and never two writers that are both open', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 7 }), fc.integer({ min: 0, max: 12 }), async (atHand, batches) => {
        const dir = newDir()
        const done: string[] = []
        const log = newHandover(noting(dir, 'first', done), () => noting(dir, 'thread', done), atHand)
        const seqs: number[] = []
        for (let n = 0; n < batches; n++) {
          const { receipts } = await log.write(batch(body(n)))
          seqs.push(...receipts.map(({ seq }) => seq))
        }
        await log.close()
        const byFirst = Math.min(atHand, batches)
        const byThread = batches - byFirst
        expect(done.filter((what) => what === 'first writes')).toHaveLength(byFirst)
        expect(done.filter((what) => what === 'thread writes')).toHaveLength(byThread)
        if (byThread > 0) expect(done.indexOf('first closes')).toBeLessThan(done.indexOf('thread writes'))
        expect(done.filter((what) => what === 'first closes')).toHaveLength(1)
        if (batches === 0) return
        expect(seqs).toEqual(Array.from({ length: batches }, (_, n) => n + 2))
        expect(recordsOf(dir).map(({ n }) => n)).toEqual([undefined, ...seqs.map((_, n) => n)])
        expect(await verifyDir(dir)).toMatchObject({ ok: true, entries: batches + 1 })
      }),
      { numRuns: 60 },
    )
  })

  it('makes its thread while the first writer still writes, and none for a short command', async () => {
    const dir = newDir()
    const done: string[] = []
    const thread = () => {
      done.push('thread made')
      return noting(dir, 'thread', done)
    }
    const log = newHandover(noting(dir, 'first', done), thread, 4)
    for (let n = 0; n < 3; n++) await log.write(batch(body(n)))
    expect(done).toEqual(['first writes', 'first writes', 'first writes'])
    await log.write(batch(body(3)))
    expect(done.slice(3)).toEqual(['thread made', 'first writes'])
    await log.close()
    expect(done.slice(5).sort()).toEqual(['first closes', 'thread closes'])
  })

  it('does not wait on this thread for somebody else who is at it, to write nor to close the file', async () => {
    const dir = newDir()
    const done: string[] = []
    let free = () => {}
    const thread = () => {
      const made = noting(dir, 'thread', done)
      const write = (one: Batch) => {
        free()
        return made.write(one)
      }
      return { ...made, write }
    }
    const log = newHandover(noting(dir, 'first', done), thread)
    await log.write(batch(body(0)))
    const lock = new LockFile(auditPaths(dir).lock)
    free = () => lock.unlock()
    lock.lock(1_000)
    await log.write(batch(body(1)))
    await log.close()
    expect(done).toEqual(['first writes', 'first writes', 'first closes', 'thread writes', 'thread closes'])
    const other = newHandover(noting(dir, 'other', done), () => noting(dir, 'its thread', done))
    expect(await other.rotate(1, TS)).toBe(true)
    await other.close()
    expect(done.slice(5)).toEqual(['other closes', 'its thread closes'])
    lock.close()
  })

  it('does not pass over a failure of the first writer, and ends the thread that was made', async () => {
    const dir = newDir()
    const done: string[] = []
    const log = newHandover(noting(dir, 'first', done, true), () => noting(dir, 'thread', done), 1)
    await expect(log.write(batch(body(0)))).rejects.toThrow('the disk is gone')
    await log.close()
    expect(done).toEqual(['first writes', 'first closes', 'thread closes'])
  })
})
