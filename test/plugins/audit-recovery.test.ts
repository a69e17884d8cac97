import * as fs from 'node:fs'
import { readFileSync, rmSync, statSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { REAL_OPS } from '../../plugins/audit/file-ops.js'
import { LogWriter } from '../../plugins/audit/log-writer.js'
import { auditPaths } from '../../plugins/audit/paths.js'
import { Space } from '../../plugins/audit/space.js'
import type { Transport } from '../../plugins/audit/transport.js'
import { batch, body, newDir, newLog, newWriter, readLog, recordsOf, TS, verifyDir } from './audit-helpers.js'

const note = (n: number) => ({ type: 'acme.note', ts: TS, n })
const intent = { type: 'tool.intent', ts: TS, call_id: 'c', instance: 'i', target: 't' }
const outcome = { type: 'tool.outcome', ts: TS, call_id: 'c', status: 'done' }

/** A log whose disk fails while `fails` says so, with a clock that is moved by hand. */
function brittle(dir: string, code = 'EIO') {
  const state = { fails: false, now: 0, syncs: 0 }
  const fdatasyncSync = (fd: number) => {
    state.syncs++
    if (state.fails) throw Object.assign(new Error(`${code}: injected`), { code })
    REAL_OPS.fdatasyncSync(fd)
  }
  const transport = async (): Promise<Transport> => {
    const writer = new LogWriter({ paths: auditPaths(dir), ops: { ...fs, fdatasyncSync } })
    return {
      write: async (given) => writer.write(given),
      tree: async () => writer.tree(),
      rotate: async (first, ts) => writer.rotate(first, ts),
      close: async () => writer.close(),
    }
  }
  return { state, log: newLog(dir, { transport, now: () => state.now }) }
}

describe('a log that failed', () => {
  it('takes nothing for a while, then is opened anew, checked, and says in a record what had happened', async () => {
    const dir = newDir()
    const { state, log } = brittle(dir)
    await log.append(note(1))
    state.fails = true
    const lost = log.append(note(2))
    await expect(lost).rejects.toMatchObject({ code: 'AUDIT_POISONED' })
    state.fails = false
    const syncs = state.syncs
    await expect(log.append(note(3))).rejects.toMatchObject({ code: 'AUDIT_POISONED' })
    expect(state.syncs, 'a sync was repeated').toBe(syncs)
    state.now = 1_000
    expect((await log.append(note(4))).durable).toBe(true)
    const records = recordsOf(dir)
    expect(records.flatMap(({ n }) => (n === undefined ? [] : [n]))).toEqual([1, 4])
    const recovered = records.find(({ type }) => type === 'log.recover')
    expect(recovered).toMatchObject({ cause: expect.stringContaining('EIO: injected'), dropped_bytes: 0 })
    expect(recovered?.['last_seq']).toBe(Number(recovered?.['seq']) - 1)
    await log.close()
    expect(await verifyDir(dir)).toMatchObject({ ok: true })
  })

  it('waits longer after each failure', async () => {
    const { state, log } = brittle(newDir())
    state.fails = true
    const tried: number[] = []
    for (let second = 0; second < 40; second++) {
      const before = state.syncs
      await expect(log.append(note(1))).rejects.toMatchObject({ code: 'AUDIT_POISONED' })
      if (state.syncs > before) tried.push(second)
      state.now += 1_000
    }
    expect(tried).toEqual([0, 1, 3, 7, 15, 31])
  })

  it('goes on with nothing while the file is damaged, however often it is tried', async () => {
    const dir = newDir()
    let now = 0
    const log = newLog(dir, { now: () => now })
    await log.append(note(1))
    fs.appendFileSync(auditPaths(dir).log, '{}\n')
    for (let n = 0; n < 4; n++) {
      await expect(log.append(note(2))).rejects.toMatchObject({ code: 'AUDIT_POISONED' })
      now += 100_000
    }
    expect(readLog(dir).toString().endsWith('{}\n')).toBe(true)
  })

  it('has the unacknowledged lines taken out of the file at once, so that no other writer builds on them', () => {
    const dir = newDir()
    newWriter(dir).write(batch(body(1)))
    const before = readLog(dir)
    const fdatasyncSync = () => {
      throw new Error('EIO')
    }
    const failing = newWriter(dir, { ops: { ...fs, fdatasyncSync } })
    expect(() => failing.write(batch(body(2)))).toThrow('EIO')
    expect(readLog(dir)).toEqual(before)
    newWriter(dir).write(batch(body(3)))
    expect(recordsOf(dir).map(({ n }) => n)).toEqual([undefined, 1, 3])
  })

  it('is not continued from a last line that was changed', () => {
    const dir = newDir()
    newWriter(dir).write(batch(body('a'), body('b')))
    const { log } = auditPaths(dir)
    fs.writeFileSync(log, readFileSync(log, 'utf8').replace('"n":"b"', '"n":"x"'))
    expect(() => newWriter(dir).write(batch(body('c')))).toThrow('is not the one that was sealed')
  })
})

describe('a disk that fills', () => {
  it('is known before the disk is full: intents are refused, outcomes are not', async () => {
    const dir = newDir()
    const heard: string[] = []
    const log = newLog(dir, {
      space: { warn: Number.MAX_SAFE_INTEGER, refuse: 0 },
      onTrouble: (cause) => heard.push(cause),
    })
    await log.append(intent)
    expect(heard).toEqual([expect.stringContaining('MiB of disk are left')])
    const full = newLog(dir, { space: { refuse: Number.MAX_SAFE_INTEGER } })
    await expect(full.append(intent)).rejects.toMatchObject({ code: 'AUDIT_DISK_FULL' })
    expect((await full.append(outcome)).durable).toBe(true)
  })

  it('is asked for at most once a second while there is room, and by every call while there is none', () => {
    let free = 100
    let asked = 0
    const low: number[] = []
    const space = new Space(
      '/',
      { warn: 50, refuse: 10 },
      (bytes) => low.push(bytes),
      () => {
        asked++
        return free
      },
    )
    for (let n = 0; n < 100; n++) space.check()
    expect(asked).toBe(1)
    free = 5
    const tight = new Space(
      '/',
      { warn: 50, refuse: 10 },
      (bytes) => low.push(bytes),
      () => free,
    )
    expect(() => tight.check()).toThrow(expect.objectContaining({ code: 'AUDIT_DISK_FULL' }))
    free = 20
    tight.check()
    expect(low).toEqual([5])
  })

  it('leaves room for a last record that says so', () => {
    const dir = newDir()
    const paths = auditPaths(dir)
    const first = newWriter(dir, { reserve: true })
    first.write(batch(body(1)))
    first.afterwards()
    expect(statSync(paths.reserve).size).toBe(1024 * 1024)
    // No room until the reserve is given back.
    const writeSync = ((fd: number, bytes: Buffer, at: number, length: number, position: number | null) => {
      if (fs.existsSync(paths.reserve)) throw Object.assign(new Error('ENOSPC: injected'), { code: 'ENOSPC' })
      return REAL_OPS.writeSync(fd, bytes, at, length, position)
    }) as typeof fs.writeSync
    const writer = newWriter(dir, { ops: { ...fs, writeSync } })
    expect(() => writer.write(batch(body(2)))).toThrow('ENOSPC')
    expect(recordsOf(dir).at(-1)).toMatchObject({ type: 'log.close', reason: 'disk_full' })
    expect(fs.existsSync(paths.reserve)).toBe(false)
    newWriter(dir).write(batch(body(3)))
    expect(recordsOf(dir).map(({ n }) => n)).toEqual([undefined, 1, undefined, 3])
    rmSync(paths.reserve, { force: true })
  })
})
