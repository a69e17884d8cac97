import * as fs from 'node:fs'
import { LockFile } from 'cloned/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type FileOps, REAL_OPS } from '../../plugins/audit/file-ops.js'
import { auditPaths } from '../../plugins/audit/paths.js'
import { QuickTransport } from '../../plugins/audit/quick-transport.js'
import { newInlineTransport, type Transport } from '../../plugins/audit/transport.js'
import { batch, body, newDir, newWriter, recordsOf, TS, verifyDir } from './audit-helpers.js'

/** A way to a writer that stands for the thread's and notes what it is asked. */
function noted(dir: string): { thread: Transport; asked: string[] } {
  const inner = newInlineTransport({ paths: auditPaths(dir) })
  const asked: string[] = []
  const thread: Transport = {
    write: (given) => {
      asked.push(`write ${given.bodies.length}`)
      return inner.write(given)
    },
    tree: () => {
      asked.push('tree')
      return inner.tree()
    },
    rotate: (first, ts) => {
      asked.push('rotate')
      return inner.rotate(first, ts)
    },
    close: () => inner.close(),
  }
  return { thread, asked }
}

/** A clock that every sync of the log moves on. */
function slowed(syncMs: () => number): { ops: FileOps; now: () => number; pass: (ms: number) => void } {
  let at = 0
  const fdatasyncSync = (fd: number) => {
    fs.fdatasyncSync(fd)
    at += syncMs()
  }
  return {
    ops: { ...fs, fdatasyncSync },
    now: () => at,
    pass: (ms) => {
      at += ms
    },
  }
}

function quick(dir: string, syncMs: () => number = () => 0.3, ops: Partial<FileOps> = {}) {
  const { thread, asked } = noted(dir)
  const disk = slowed(syncMs)
  const transport = new QuickTransport(thread, newWriter(dir, { ops: { ...disk.ops, ...ops } }), disk.now)
  return { transport, asked, pass: disk.pass }
}

describe('the quick way to the log', () => {
  it('writes a single record here once the thread has begun the log, and everything else in the thread', async () => {
    const { transport, asked } = quick(newDir())
    await transport.write(batch(body(1)))
    expect(asked).toEqual(['write 1'])
    const { receipts, size } = await transport.write(batch(body(2)))
    expect([receipts[0]?.seq, size]).toEqual([3, 3])
    expect(asked).toEqual(['write 1'])
    await transport.write(batch(body(3), body(4)))
    await transport.write({ ...batch(body(5)), own: [JSON.stringify({ ts: TS, type: 'log.open' }).slice(1)] })
    await transport.write({ ...batch(body(6)), recovering: 'a failure' })
    await transport.write({ ...batch(body(7)), checkpoint: { size: 1, note: 'n' } })
    expect(asked).toEqual(['write 1', 'write 2', 'write 1', 'write 1', 'write 1'])
    await transport.close()
  })

  it('lets the thread see what was written here before it computes the tree or closes the file', async () => {
    const dir = newDir()
    const { transport, asked } = quick(dir)
    await transport.write(batch(body(1)))
    await transport.write(batch(body(2)))
    expect((await transport.tree())?.size).toBe(3)
    await transport.write(batch(body(3)))
    expect(await transport.rotate(1, TS)).toBe(true)
    expect(asked).toEqual(['write 1', 'write 0', 'tree', 'write 0', 'rotate'])
    await transport.write(batch(body(4)))
    await transport.close()
    expect(await verifyDir(dir)).toMatchObject({ ok: true })
  })

  it('spares the calling thread for a multiple of what syncs take once they usually take long', async () => {
    let ms = 10
    const { transport, asked, pass } = quick(newDir(), () => ms)
    await transport.write(batch(body(1)))
    await transport.write(batch(body(2)))
    pass(199)
    ms = 0.5
    await transport.write(batch(body(3)))
    expect(asked).toHaveLength(2)
    pass(1)
    await transport.write(batch(body(4)))
    await transport.write(batch(body(5)))
    expect(asked, 'it is quick again').toHaveLength(2)
    ms = 4
    await transport.write(batch(body(6)))
    await transport.write(batch(body(7)))
    expect(asked, 'one slow sync is no rule').toHaveLength(2)
    await transport.write(batch(body(8)))
    expect(asked, 'two are').toHaveLength(3)
    await transport.close()
  })

  it('does not wait here for a writer that holds the lock', async () => {
    const dir = newDir()
    const { thread, asked } = noted(dir)
    const held: Transport = {
      ...thread,
      write: async (given) => {
        if (asked.length > 0) lock.unlock()
        return thread.write(given)
      },
    }
    const transport = new QuickTransport(held, newWriter(dir))
    await transport.write(batch(body(1)))
    const lock = new LockFile(auditPaths(dir).lock)
    lock.lock(1_000)
    await transport.write(batch(body(2)))
    expect(asked).toEqual(['write 1', 'write 1'])
    lock.close()
    await transport.close()
    expect(recordsOf(dir).map(({ n }) => n)).toEqual([undefined, 1, 2])
  })

  it('writes nothing here while the thread has not answered', async () => {
    const dir = newDir()
    const { thread, asked } = noted(dir)
    let answer = () => {}
    const slow: Transport = {
      ...thread,
      write: async (given) => {
        const written = await thread.write(given)
        await new Promise<void>((resolve) => {
          answer = resolve
        })
        return written
      },
    }
    const transport = new QuickTransport(slow, newWriter(dir))
    const first = transport.write(batch(body(1)))
    await Promise.resolve()
    answer()
    await first
    const second = transport.write(batch(body(2), body(3)))
    const third = transport.write(batch(body(4)))
    expect(asked).toEqual(['write 1', 'write 2', 'write 1'])
    for (const each of [second, third]) {
      await new Promise(setImmediate)
      answer()
      await Promise.race([each, new Promise(setImmediate)])
      answer()
    }
  })

  for (const [name, code] of [
    ['fdatasyncSync', 'EIO'],
    ['writeSync', 'ENOSPC'],
  ] as const) {
    it(`accepts nothing on either way after a failure here, and keeps nothing of it: ${code} of ${name}`, async () => {
      const dir = newDir()
      let broken = false
      const real = REAL_OPS[name] as (...args: unknown[]) => unknown
      const fail = (...args: unknown[]) => {
        if (broken) throw Object.assign(new Error(`${code}: injected`), { code })
        return real(...args)
      }
      const { transport, asked } = quick(dir, () => 0, { [name]: fail })
      await transport.write(batch(body(1)))
      await transport.write(batch(body(2)))
      broken = true
      await expect(transport.write(batch(body(3)))).rejects.toThrow(code)
      broken = false
      await expect(transport.write(batch(body(4)))).rejects.toThrow(code)
      await expect(transport.write(batch(body(5), body(6)))).rejects.toThrow(code)
      await expect(transport.tree()).rejects.toThrow(code)
      expect(asked).toEqual(['write 1'])
      await transport.close()
      expect(recordsOf(dir).flatMap(({ n }) => (n === undefined ? [] : [n]))).toEqual([1, 2])
    })
  }

  it('accepts nothing here after a failure of the thread', async () => {
    const dir = newDir()
    const { thread } = noted(dir)
    const ending: Transport = {
      ...thread,
      write: (given) => (given.bodies.length > 1 ? Promise.reject(new Error('the thread ended')) : thread.write(given)),
    }
    const transport = new QuickTransport(ending, newWriter(dir))
    await transport.write(batch(body(1)))
    await expect(transport.write(batch(body(2), body(3)))).rejects.toThrow('ended')
    await expect(transport.write(batch(body(4)))).rejects.toThrow('ended')
    expect(recordsOf(dir)).toHaveLength(2)
  })

  it('leaves one unbroken chain, whoever writes what and beside whom', async () => {
    const step = fc.constantFrom('one', 'two', 'tree', 'rotate', 'other', 'slow')
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
        const dir = newDir()
        let ms = 0
        const { transport } = quick(dir, () => ms)
        const other = newWriter(dir)
        const expected: number[] = []
        const numbered = () => {
          expected.push(expected.length)
          return body(expected.length - 1)
        }
        await transport.write(batch(numbered()))
        let first = 1
        for (const each of steps) {
          ms = each === 'slow' ? 5 : 0
          if (each === 'tree') await transport.tree()
          else if (each === 'other') other.write(batch(numbered()))
          else if (each === 'two') await transport.write(batch(numbered(), numbered()))
          else if (each === 'rotate') {
            ;({ first } = await transport.write(batch(numbered())))
            await transport.rotate(first, TS)
          } else await transport.write(batch(numbered()))
        }
        await transport.close()
        other.close()
        expect(await verifyDir(dir)).toMatchObject({ ok: true })
      }),
      { numRuns: 25 },
    )
  })
})
