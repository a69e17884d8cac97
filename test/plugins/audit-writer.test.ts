import { hash } from 'node:crypto'
import * as fs from 'node:fs'
import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type FileOps, REAL_OPS } from '../../plugins/audit/file-ops.js'
import { encodeLine } from '../../plugins/audit/format.js'
import { EMPTY_HEAD, encodeHead } from '../../plugins/audit/head.js'
import { auditPaths } from '../../plugins/audit/paths.js'
import { segmentPath } from '../../plugins/audit/segments.js'
import { batch, body, linesOf, newDir, newWriter, readLog, recordsOf, TS, verifyDir } from './audit-helpers.js'

const sha = (bytes: Buffer) => hash('sha256', bytes, 'hex')
const hashesOf = (dir: string) => linesOf(readLog(dir)).map((line) => sha(Buffer.from(`${line}\n`)))

/** Real file operations, of which the n-th call of one fails. */
function failing(name: keyof FileOps, nth: number, code: string): FileOps {
  let calls = 0
  const fail = (...args: unknown[]) => {
    calls++
    if (calls >= nth) throw Object.assign(new Error(`${code}: injected`), { code })
    return (REAL_OPS[name] as (...args: unknown[]) => unknown)(...args)
  }
  return { ...fs, [name]: fail }
}

describe('writing the audit log', () => {
  it('begins a log with a genesis record and gives it and its directory narrow rights', async () => {
    const dir = newDir()
    const { receipts } = newWriter(dir).write(batch(body(1), body(2)))
    expect(receipts.map(({ seq }) => seq)).toEqual([2, 3])
    expect(receipts.map(({ hash }) => hash)).toEqual(hashesOf(dir).slice(1))
    expect(recordsOf(dir)[0]).toMatchObject({
      seq: 1,
      type: 'log.genesis',
      ts: TS,
      log_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    })
    const { log, side, head, lock } = auditPaths(dir)
    expect([log, side, head, lock].map((path) => statSync(path).mode & 0o777)).toEqual([0o600, 0o700, 0o600, 0o600])
  })

  it('chains the batches of several writers that take turns', async () => {
    const dir = newDir()
    const [a, b] = [newWriter(dir), newWriter(dir)]
    for (let n = 0; n < 10; n++) (n % 2 ? a : b).write(batch(body(n)))
    expect(recordsOf(dir).map(({ n }) => n)).toEqual([undefined, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(await verifyDir(dir)).toMatchObject({ ok: true, entries: 11 })
  })

  it('writes every byte when writes are short', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 5 }), async (sizes) => {
        const dir = newDir()
        let call = 0
        const writeSync = ((fd: number, bytes: Buffer, at: number, length: number, position: number | null) =>
          fs.writeSync(
            fd,
            bytes,
            at,
            Math.min(length, sizes[call++ % sizes.length] ?? 1),
            position,
          )) as typeof fs.writeSync
        const { receipts } = newWriter(dir, { ops: { ...fs, writeSync } }).write(
          batch(...Array.from({ length: 10 }, (_, n) => body(n))),
        )
        expect(receipts.map(({ hash }) => hash)).toEqual(hashesOf(dir).slice(1))
        expect(await verifyDir(dir)).toMatchObject({ ok: true, entries: 11 })
      }),
      { numRuns: 20 },
    )
  })

  it('syncs after the last byte and before it answers', () => {
    const dir = newDir()
    const order: string[] = []
    const note = <T extends (...args: never[]) => unknown>(name: string, run: T) =>
      ((...args: Parameters<T>) => {
        order.push(name)
        return run(...args)
      }) as unknown as T
    const writer = newWriter(dir, {
      ops: { ...fs, writeSync: note('write', fs.writeSync), fdatasyncSync: note('sync', fs.fdatasyncSync) },
    })
    writer.write(batch(body(1), body(2)))
    order.push('answer')
    // The second write is the head.
    expect(order).toEqual(['write', 'sync', 'write', 'answer'])
  })
})

describe('a failure of the disk', () => {
  const faults: [keyof FileOps, string][] = [
    ['fdatasyncSync', 'EIO'],
    ['writeSync', 'ENOSPC'],
    ['writeSync', 'EIO'],
    ['readSync', 'EIO'],
    ['fstatSync', 'EIO'],
  ]
  for (const [name, code] of faults) {
    it(`never acknowledges a record that is not in the file: ${code} of ${name}`, async () => {
      for (let nth = 1; nth <= 8; nth++) {
        const dir = newDir()
        const writer = newWriter(dir, { ops: failing(name, nth, code) })
        const acknowledged: string[] = []
        let failures = 0
        for (let n = 0; n < 12; n++) {
          try {
            acknowledged.push(...writer.write(batch(body(n), body(`${n}b`))).receipts.map(({ hash }) => hash))
            expect(failures, 'a record was accepted after a failure').toBe(0)
          } catch (error) {
            expect(String(error)).toContain(code)
            failures++
          }
        }
        expect(failures).toBeGreaterThan(0)
        // Another process goes on with what is there.
        newWriter(dir).write(batch(body('after')))
        expect(hashesOf(dir)).toEqual(expect.arrayContaining(acknowledged))
        expect(await verifyDir(dir)).toMatchObject({ ok: true })
      }
    })
  }

  it('syncs no second time after a failed sync', () => {
    let syncs = 0
    const fdatasyncSync = () => {
      syncs++
      throw new Error('EIO')
    }
    const writer = newWriter(newDir(), { ops: { ...fs, fdatasyncSync } })
    for (let n = 0; n < 3; n++) expect(() => writer.write(batch(body(n)))).toThrow('EIO')
    expect(syncs).toBe(1)
  })

  it('treats a write that takes nothing as a failure', () => {
    const writer = newWriter(newDir(), { ops: { ...fs, writeSync: (() => 0) as typeof fs.writeSync } })
    expect(() => writer.write(batch(body(1)))).toThrow('write accepted 0')
  })

  it('refuses everything once the lock was not to be had', () => {
    let locks = 0
    const openLock = () => ({
      lock: () => {
        locks++
        if (locks > 1) throw new Error('database is locked')
      },
      tryLock: () => false,
      unlock: () => undefined,
      close: () => undefined,
    })
    const writer = newWriter(newDir(), { openLock })
    writer.write(batch(body(1)))
    for (let n = 0; n < 3; n++) expect(() => writer.write(batch(body(n)))).toThrow('locked')
    expect(locks).toBe(2)
  })
})

describe('what a dead writer left behind', () => {
  const sealed = () => {
    const dir = newDir()
    const writer = newWriter(dir)
    writer.write(batch(body(1), body(2)))
    writer.close()
    return dir
  }

  it('keeps complete lines, drops a torn one and records it, wherever the write was cut', async () => {
    const dir = sealed()
    const { log, head } = auditPaths(dir)
    const [good, goodHead] = [readLog(dir), fs.readFileSync(head)]
    const { lastHash } = await verifyDir(dir)
    const fourth = encodeLine(body(3), 4, lastHash)
    const lost = Buffer.from(fourth.line + encodeLine(body('é', { x: 'y' }), 5, fourth.hash).line)
    for (let cut = 0; cut <= lost.length; cut++) {
      writeFileSync(log, Buffer.concat([good, lost.subarray(0, cut)]))
      writeFileSync(head, goodHead)
      const complete = lost.subarray(0, cut).toString('latin1').split('\n').length - 1
      const torn = lost.subarray(complete === 0 ? 0 : complete === 1 ? fourth.line.length : lost.length, cut)
      newWriter(dir).write(batch(body('next')))
      const records = recordsOf(dir)
      expect(records.slice(0, 3 + complete).map(({ type }) => type)).not.toContain('log.recover')
      if (torn.length === 0) expect(records).toHaveLength(4 + complete)
      else {
        expect(records).toHaveLength(5 + complete)
        expect(records[3 + complete]).toMatchObject({
          type: 'log.recover',
          dropped_bytes: torn.length,
          dropped_sha256: sha(torn),
          last_seq: 3 + complete,
        })
      }
      expect(records.at(-1)).toMatchObject({ n: 'next' })
    }
    expect(await verifyDir(dir)).toMatchObject({ ok: true })
  })

  it('goes on after a crash at any step of making the log', async () => {
    const steps: ((dir: string) => void)[] = [
      (dir) => mkdirSync(auditPaths(dir).side, { mode: 0o700 }),
      (dir) => writeFileSync(auditPaths(dir).head, encodeHead(EMPTY_HEAD), { mode: 0o600 }),
      (dir) => writeFileSync(auditPaths(dir).log, '', { mode: 0o600 }),
      (dir) => appendFileSync(auditPaths(dir).log, '{"v":1,"seq":1,"pre'),
    ]
    for (let done = 0; done <= steps.length; done++) {
      const dir = newDir()
      for (const step of steps.slice(0, done)) step(dir)
      newWriter(dir).write(batch(body('first')))
      const types = recordsOf(dir).map(({ type }) => type)
      expect(types).toEqual(['log.genesis', ...(done === steps.length ? ['log.recover'] : []), 'acme.note'])
      expect(await verifyDir(dir)).toMatchObject({ ok: true })
    }
  })

  const damages: [string, (dir: string) => void, string][] = [
    ['a log that lost its end', (dir) => fs.truncateSync(auditPaths(dir).log, 100), 'lost its end'],
    ['a log that is gone', (dir) => rmSync(auditPaths(dir).log), 'is gone'],
    ['a head that is gone', (dir) => rmSync(auditPaths(dir).head), 'is missing'],
    ['a head that is not readable', (dir) => writeFileSync(auditPaths(dir).head, 'x'), 'not readable'],
    ['a complete line that does not chain', (dir) => appendFileSync(auditPaths(dir).log, '{}\n'), 'does not start'],
    ['an endless line', (dir) => appendFileSync(auditPaths(dir).log, 'x'.repeat(70_000)), 'longer than'],
  ]
  it.each(damages)('writes nothing to %s', (_, damage, problem) => {
    const dir = sealed()
    damage(dir)
    const { log, head } = auditPaths(dir)
    const state = () => [log, head].map((path) => (fs.existsSync(path) ? fs.readFileSync(path, 'latin1') : undefined))
    const before = state()
    const writer = newWriter(dir)
    expect(() => writer.write(batch(body('next')))).toThrow(problem)
    expect(() => writer.write(batch(body('next')))).toThrow(problem)
    expect(state()).toEqual(before)
  })

  it('writes nothing once the log was moved away under it', () => {
    const dir = sealed()
    const { log } = auditPaths(dir)
    const writer = newWriter(dir)
    writer.write(batch(body(3)))
    const before = readLog(dir)
    renameSync(log, `${log}.1`)
    writeFileSync(log, before, { mode: 0o600 })
    expect(() => writer.write(batch(body(4)))).toThrow('moved or replaced')
    expect(fs.readFileSync(`${log}.1`)).toEqual(before)
  })

  it.each([[true], [false]])(
    'goes on after its file was closed and pruned by others, where the log says so: %s',
    (says) => {
      const dir = newDir()
      const [idle, busy] = [newWriter(dir), newWriter(dir)]
      const { size } = idle.write(batch(body(1)))
      expect(busy.rotate(1, TS)).toBe(true)
      const { first } = busy.write(batch(body(2)))
      expect(busy.rotate(first, TS)).toBe(true)
      const pruned = JSON.stringify({ ts: TS, type: 'log.prune', size, last_hash: '0'.repeat(64), frontier: [] }).slice(
        1,
      )
      busy.write({ ...batch(body(3)), ...(says ? { own: [pruned] } : {}) })
      fs.rmSync(segmentPath(auditPaths(dir), 1))
      if (!says) return expect(() => idle.write(batch(body(4)))).toThrow('moved or replaced')
      expect(idle.write(batch(body(4))).receipts).toHaveLength(1)
      expect(recordsOf(dir).at(-1)).toMatchObject({ n: 4 })
    },
  )
})

describe('files that are not safe to open', () => {
  const plants: [string, (dir: string) => void][] = [
    ['a symbolic link as log', (dir) => symlinkSync(join(dir, 'elsewhere'), auditPaths(dir).log)],
    ['a symbolic link as directory', (dir) => symlinkSync(newDir(), auditPaths(dir).side)],
    ['a directory as log', (dir) => mkdirSync(auditPaths(dir).log)],
    [
      'a log with a second name',
      (dir) => {
        writeFileSync(join(dir, 'other'), '', { mode: 0o600 })
        linkSync(join(dir, 'other'), auditPaths(dir).log)
      },
    ],
    [
      'a log that others may read',
      (dir) => {
        writeFileSync(auditPaths(dir).log, '')
        chmodSync(auditPaths(dir).log, 0o644)
      },
    ],
    [
      'a directory that others may write',
      (dir) => {
        mkdirSync(auditPaths(dir).side)
        chmodSync(auditPaths(dir).side, 0o777)
      },
    ],
    [
      'a symbolic link as head',
      (dir) => {
        mkdirSync(auditPaths(dir).side, { mode: 0o700 })
        symlinkSync(join(dir, 'elsewhere'), auditPaths(dir).head)
      },
    ],
    [
      'a symbolic link as lock',
      (dir) => {
        mkdirSync(auditPaths(dir).side, { mode: 0o700 })
        symlinkSync(join(dir, 'elsewhere'), auditPaths(dir).lock)
      },
    ],
  ]
  it.each(plants)('refuses %s', (_, plant) => {
    const dir = newDir()
    plant(dir)
    expect(() => newWriter(dir).write(batch(body(1)))).toThrow(expect.objectContaining({ code: 'AUDIT_UNSAFE' }))
    expect(fs.existsSync(join(dir, 'elsewhere'))).toBe(false)
  })
})
