import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tryFileLock } from 'cloned/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Checkpoint, parseCheckpoint } from '../../plugins/audit/checkpoint.js'
import { CompactRange, leafHash } from '../../plugins/audit/merkle.js'
import { openNote, parseVerifierKey, verifierKey } from '../../plugins/audit/note.js'
import { auditPaths } from '../../plugins/audit/paths.js'
import { newPruner } from '../../plugins/audit/pruner.js'
import { segmentPath } from '../../plugins/audit/segments.js'
import { newDir, newKeys, newLog, recordsOf, TS, verifyDir } from './audit-helpers.js'

const note = (n: number, fields: object = {}) => ({ type: 'acme.note', ts: TS, n, ...fields })

/** Every line of the log, segments first. */
function allLines(dir: string): Buffer[] {
  const { segments, log } = auditPaths(dir)
  const closed = existsSync(segments) ? readdirSync(segments).sort() : []
  return [...closed.map((name) => join(segments, name)), log].flatMap((path) =>
    readFileSync(path, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => Buffer.from(`${line}\n`)),
  )
}

const parsed = (dir: string) => allLines(dir).map((line) => JSON.parse(line.toString()) as Record<string, unknown>)

/** The notes of the log, opened with its own keys and compared with a tree that is computed from nothing. */
function checkpointsOf(dir: string): Checkpoint[] {
  const lines = allLines(dir)
  const keys = readFileSync(auditPaths(dir).vkey, 'utf8').trimEnd().split('\n').map(parseVerifierKey)
  const roots = new Map<number, Buffer>()
  const range = new CompactRange()
  for (const line of lines) {
    range.append(leafHash(line))
    roots.set(range.size, range.root())
  }
  const notes = parsed(dir).flatMap((record) => (record['type'] === 'log.checkpoint' ? [record] : []))
  return notes.map((record) => {
    const checkpoint = parseCheckpoint(openNote(String(record['note']), keys).text)
    expect(checkpoint.size).toBe(Number(record['seq']) - 1)
    expect(checkpoint.root).toEqual(roots.get(checkpoint.size))
    return checkpoint
  })
}

describe('a log with keys', () => {
  it('names itself, its key and its cadence first, and says when it is opened and closed', async () => {
    const dir = newDir()
    const log = newLog(dir)
    await log.append(note(1))
    await log.close()
    const records = recordsOf(dir)
    expect(records.map(({ type }) => type)).toEqual([
      'log.genesis',
      'log.open',
      'acme.note',
      'log.close',
      'log.checkpoint',
    ])
    const [genesis, opened, , closed] = records
    const origin = `cloned.local/w/${String(genesis?.['log_id'])}`
    expect(genesis).toMatchObject({ origin, cadence: { records: 256, ms: 1_000, heartbeat_ms: 0 } })
    expect(parseVerifierKey(String(genesis?.['vkey'])).name).toBe(origin)
    expect(closed).toMatchObject({ reason: 'closed', session: opened?.['session'] })
    expect(checkpointsOf(dir)).toEqual([expect.objectContaining({ origin, size: 4 })])
    expect(await verifyDir(dir)).toMatchObject({ ok: true, signed: { size: 4 } })
  })

  it('publishes the note and the key beside the log, for its owner alone', async () => {
    const dir = newDir()
    const log = newLog(dir)
    await log.append(note(1))
    const signed = await log.checkpoint()
    const { checkpoint, vkey, tree } = auditPaths(dir)
    expect(readFileSync(checkpoint, 'utf8')).toBe(signed?.note)
    expect(readFileSync(vkey, 'utf8')).toBe(`${String(recordsOf(dir)[0]?.['vkey'])}\n`)
    expect([checkpoint, vkey, tree].map((path) => statSync(path).mode & 0o777)).toEqual([0o600, 0o600, 0o600])
  })

  it('is signed at least every 256 records while it is written, with no sync of its own', async () => {
    const dir = newDir()
    // The clock stands still, so that only the number of records counts.
    const log = newLog(dir, { now: () => 0 })
    for (let round = 0; round < 40; round++)
      await Promise.all(Array.from({ length: 32 }, (_, n) => log.append(note(n))))
    const sizes = checkpointsOf(dir).map(({ size }) => size)
    expect(sizes.length).toBeGreaterThanOrEqual(4)
    for (const [i, size] of sizes.entries()) expect(size - (sizes[i - 1] ?? 0)).toBeLessThanOrEqual(256 + 2 * 33)
  })

  it('is signed a second after the last signature', async () => {
    const dir = newDir()
    let now = 0
    const log = newLog(dir, { now: () => now })
    for (let n = 0; n < 8; n++) {
      await log.append(note(n))
      now += 600
    }
    // Due after the third record and, counted from the fourth, with which the note travels, after the sixth.
    const types = recordsOf(dir).map(({ type }) => type)
    expect(types.filter((type) => type === 'log.checkpoint')).toHaveLength(2)
  })

  it('goes on with the tree of another process, and computes it anew when that does not fit', async () => {
    const dir = newDir()
    const spoil: ((path: string) => void)[] = [
      () => {},
      (path) => rmSync(path),
      (path) => writeFileSync(path, '{'),
      (path) => writeFileSync(path, 'null'),
      (path) => writeFileSync(path, readFileSync(path, 'utf8').replace(/"size":\d+/, '"size":7')),
      (path) => writeFileSync(path, readFileSync(path, 'utf8').replace(/"offset":\d+/, '"offset":1')),
      (path) => writeFileSync(path, readFileSync(path, 'utf8').replace(/"([0-9a-f])[0-9a-f]/, '"$1x')),
      (path) => writeFileSync(path, readFileSync(path, 'utf8').replace(/"first":\d+/, '"first":99')),
    ]
    for (const [n, change] of spoil.entries()) {
      const log = newLog(dir)
      await Promise.all([log.append(note(n)), log.append(note(n))])
      await log.close()
      change(auditPaths(dir).tree)
    }
    expect(checkpointsOf(dir).length).toBeGreaterThanOrEqual(spoil.length)
    expect(await verifyDir(dir)).toMatchObject({ ok: true })
  })

  it('is signed by processes that take turns, each over everything', async () => {
    const dir = newDir()
    const [a, b] = [newLog(dir), newLog(dir)]
    for (let n = 0; n < 10; n++) {
      await Promise.all([a.append(note(n)), b.append(note(n))])
      if (n % 3 === 0) await Promise.all([a.checkpoint(), b.checkpoint()])
    }
    await Promise.all([a.close(), b.close()])
    expect(checkpointsOf(dir).length).toBeGreaterThanOrEqual(8)
    expect(await verifyDir(dir)).toMatchObject({ ok: true })
  })

  it('is not written without its keys, and is again once they are there', async () => {
    const dir = newDir()
    let now = 0
    let there = false
    const keys = newKeys(dir)
    const load = async () => {
      if (!there) throw new Error('no such key')
      return keys.load()
    }
    const log = newLog(dir, { now: () => now, keys: { workspace: 'w', load } })
    await expect(log.append(note(1))).rejects.toMatchObject({ code: 'AUDIT_POISONED' })
    expect(() => log.token('args', '1')).toThrow('no such key')
    expect(existsSync(auditPaths(dir).log)).toBe(false)
    there = true
    now = 1_000
    expect((await log.append(note(2))).durable).toBe(true)
    expect(log.token('args', '1')).toMatch(/^hmac-sha256:[0-9a-f]{16}:[0-9a-f]{64}$/)
  })
})

describe('a change of keys', () => {
  it('is signed by the old key, and what follows by the new one', async () => {
    const dir = newDir()
    const keys = newKeys(dir)
    const log = newLog(dir, { keys })
    await log.append(note(1))
    const kid = await log.changeKey(keys.rotate)
    expect((await keys.load()).signer.kid).toBe(kid)
    await log.append(note(2))
    await log.close()
    const vkeys = readFileSync(auditPaths(dir).vkey, 'utf8').trimEnd().split('\n')
    expect(vkeys).toHaveLength(2)
    expect(recordsOf(dir).filter(({ type }) => type === 'log.key')).toEqual([
      expect.objectContaining({ vkey: vkeys[1] }),
    ])
    expect(checkpointsOf(dir).length).toBeGreaterThanOrEqual(3)
    expect(await verifyDir(dir)).toMatchObject({ ok: true, signed: { vkey: vkeys[1] } })
  })

  it('keeps a process that has the old key from signing, and says so', async () => {
    const dir = newDir()
    const troubles: string[] = []
    const other = newLog(dir, { onTrouble: (cause) => troubles.push(cause) })
    await other.append(note(1))
    const keys = newKeys(dir)
    await newLog(dir, { keys }).changeKey(keys.rotate)
    await other.append(note(2))
    expect(await other.checkpoint()).toBeUndefined()
    expect(troubles.join()).toContain('is not the last one in')
    expect(await verifyDir(dir)).toMatchObject({ ok: true })
  })
})

describe('a change of keys that was cut off', () => {
  const vkeys = (dir: string) => readFileSync(auditPaths(dir).vkey, 'utf8').trimEnd().split('\n')
  const changes = (dir: string) => parsed(dir).filter(({ type }) => type === 'log.key').length
  const origin = (dir: string) => String(parsed(dir)[0]?.['origin'])
  const cuts: readonly (readonly [string, (dir: string) => Promise<void>])[] = [
    ['before the log named the key anywhere', async (dir) => void (await newKeys(dir).rotate())],
    [
      'before the record that names the key',
      async (dir) => {
        const keys = newKeys(dir)
        await keys.rotate()
        appendFileSync(auditPaths(dir).vkey, `${verifierKey(origin(dir), (await keys.load()).signer.publicKey)}\n`)
      },
    ],
  ]

  it.each(cuts.flatMap(([when, cut]) => [0, 1].map((earlier) => [when, earlier, cut] as const)))(
    '%s, after %i that was not, leaves the log signed by the key it names',
    async (_, earlier, cut) => {
      const dir = newDir()
      const first = newLog(dir)
      await first.append(note(1))
      const keys = newKeys(dir)
      await first.close()
      for (let n = 0; n < earlier; n++) {
        const log = newLog(dir, { keys })
        await log.changeKey(keys.rotate)
        await log.close()
      }
      const named = vkeys(dir)
      await cut(dir)

      const troubles: string[] = []
      const log = newLog(dir, { onTrouble: (cause) => troubles.push(cause) })
      await log.append(note(2))
      expect(await log.checkpoint()).toBeDefined()
      expect(troubles).toEqual([])
      expect(vkeys(dir)).toEqual(named)
      expect(await verifyDir(dir)).toMatchObject({ ok: true, signed: { vkey: named.at(-1) } })

      const again = newKeys(dir)
      const next = newLog(dir, { keys: again })
      const kid = await next.changeKey(again.rotate)
      await next.append(note(3))
      await next.close()
      expect((await newKeys(dir).load()).signer.kid).toBe(kid)
      expect(changes(dir)).toBe(earlier + 1)
      expect(await verifyDir(dir)).toMatchObject({ ok: true, signed: { vkey: vkeys(dir).at(-1) } })
    },
  )

  it('is undone in the process that failed', async () => {
    const dir = newDir()
    const log = newLog(dir)
    await log.append(note(1))
    await log.checkpoint()
    const named = vkeys(dir)
    await expect(log.changeKey(() => Promise.reject(new Error('no disk')))).rejects.toThrow('no disk')
    expect(await log.checkpoint()).toBeDefined()
    expect(vkeys(dir)).toEqual(named)
    expect(await verifyDir(dir)).toMatchObject({ ok: true })
  })

  it('is left alone while the process that changes the key lives', async () => {
    const dir = newDir()
    const first = newLog(dir)
    await first.append(note(1))
    await first.close()
    const [, cut] = cuts[1] ?? []
    await cut?.(dir)
    const lock = tryFileLock(auditPaths(dir).keyLock)
    const named = vkeys(dir)
    const troubles: string[] = []
    const log = newLog(dir, { onTrouble: (cause) => troubles.push(cause) })
    await log.append(note(2))
    expect(await log.checkpoint()).toBeUndefined()
    expect(troubles.join()).toContain('another one is changing its key')
    expect(vkeys(dir)).toEqual(named)
    await log.close()
    lock?.release()
    const after = newLog(dir)
    await after.append(note(3))
    expect(await after.checkpoint()).toBeDefined()
    expect(await verifyDir(dir)).toMatchObject({ ok: true })
  })

  it('is not taken for one when the record of a change was pruned', async () => {
    const dir = newDir()
    const keys = newKeys(dir)
    const log = newLog(dir, { keys })
    await log.append(note(1))
    await log.changeKey(keys.rotate)
    for (let n = 0; n < 2; n++) await log.rotate()
    const pruner = newPruner(auditPaths(dir), log.appendOwn)
    await pruner.prune(await pruner.plan(9_999))
    expect(await log.latest('log.key')).toBeUndefined()
    await log.close()
    const again = newLog(dir)
    await again.append(note(2))
    expect(await again.checkpoint()).toBeDefined()
    expect(await verifyDir(dir)).toMatchObject({ ok: true, signed: { vkey: vkeys(dir)[1] } })
  })
})

describe('rotation', () => {
  it('closes the file for good and continues the chain, the tree and the numbers', async () => {
    const dir = newDir()
    const log = newLog(dir)
    await log.append(note(1, { call_id: 'c1' }))
    expect(await log.rotate()).toBe(true)
    await log.append(note(2, { call_id: 'c1' }))
    expect(await log.rotate()).toBe(true)
    await log.append(note(3, { call_id: 'c1' }))
    const { segments } = auditPaths(dir)
    const names = readdirSync(segments).sort()
    expect(names[0]).toBe('000000000001.jsonl')
    expect(names).toHaveLength(2)
    expect(names.map((name) => statSync(join(segments, name)).mode & 0o777)).toEqual([0o400, 0o400])
    const records = parsed(dir)
    expect(records.map(({ seq }) => seq)).toEqual(records.map((_, n) => n + 1))
    expect(recordsOf(dir)[0]).toMatchObject({
      type: 'log.segment',
      segment: names[1],
      last_seq: Number(recordsOf(dir)[0]?.['seq']) - 1,
    })
    expect((await log.find('c1')).map(({ record }) => record['n'])).toEqual([1, 2, 3])
    expect((await log.last(1_000)).records.map(({ seq }) => seq)).toEqual(records.map(({ seq }) => seq))
    expect((await log.latest('log.genesis'))?.seq).toBe(1)
    await log.close()
    expect(checkpointsOf(dir).length).toBeGreaterThanOrEqual(4)
    expect(await verifyDir(dir)).toMatchObject({ ok: true, entries: records.length + 2 })
  })

  it('is followed by a reader that shows what comes', async () => {
    const log = newLog(newDir())
    await log.append(note(1))
    let { next } = await log.last(1)
    await log.append(note(2))
    await log.rotate()
    await log.append(note(3))
    const seen: unknown[] = []
    for (let turn = 0; turn < 3; turn++) {
      const more = await log.since(next)
      next = more.next
      seen.push(...more.records.flatMap(({ record }) => (record['type'] === 'acme.note' ? [record['n']] : [])))
    }
    expect(seen).toEqual([2, 3])
  })

  it('happens by itself when the file is full, while several processes write', async () => {
    const dir = newDir()
    const logs = Array.from({ length: 3 }, () => newLog(dir, { rotate: { bytes: 20_000 } }))
    const seqs = new Set<number>()
    for (let round = 0; round < 30; round++) {
      const receipts = await Promise.all(logs.map((log, n) => log.append(note(round, { n, text: 'x'.repeat(2_000) }))))
      for (const { seq } of receipts) seqs.add(seq)
    }
    await Promise.all(logs.map((log) => log.close()))
    expect(seqs.size).toBe(90)
    expect(readdirSync(auditPaths(dir).segments).length).toBeGreaterThanOrEqual(4)
    const records = parsed(dir)
    expect(records.filter(({ type }) => type === 'acme.note')).toHaveLength(90)
    expect(records.map(({ seq }) => seq)).toEqual(records.map((_, n) => n + 1))
    expect(await verifyDir(dir)).toMatchObject({ ok: true })
  })

  it('happens by itself when the file is old', async () => {
    const dir = newDir()
    let now = 0
    const log = newLog(dir, { now: () => now, rotate: { ms: 10_000 } })
    await log.append(note(1))
    now = 10_000
    await log.append(note(2))
    await log.checkpoint()
    expect(readdirSync(auditPaths(dir).segments)).toEqual(['000000000001.jsonl'])
  })
})

describe('pruning', () => {
  const pruned = async () => {
    const dir = newDir()
    const log = newLog(dir)
    for (let n = 0; n < 3; n++) {
      await log.append(note(n, { call_id: `c${n}` }))
      await log.rotate()
    }
    const pruner = newPruner(auditPaths(dir), log.appendOwn)
    return { dir, log, pruner }
  }

  it('deletes only closed files that lie before the number, after a record with the tree over them', async () => {
    const { dir, log, pruner } = await pruned()
    const [, second = '', third = ''] = readdirSync(auditPaths(dir).segments).sort()
    const limit = Number(third.slice(0, 12))
    const before = new CompactRange()
    for (const line of allLines(dir).slice(0, limit - 1)) before.append(leafHash(line))
    expect((await pruner.plan(limit - 1)).files).toHaveLength(1)
    const plan = await pruner.plan(limit)
    expect(plan).toMatchObject({ size: limit - 1, files: [{ first: 1 }, { first: Number(second.slice(0, 12)) }] })
    await pruner.prune(plan)
    expect(readdirSync(auditPaths(dir).segments)).toEqual([third])
    expect(await log.latest('log.prune')).toMatchObject({
      record: {
        size: limit - 1,
        frontier: before.frontier().map((hash) => hash.toString('hex')),
        origin: expect.any(String),
      },
    })
    expect(await verifyDir(dir)).toMatchObject({ ok: true, pruned: limit - 1 })
  })

  it('leaves a log that goes on, is pruned again and verified, also after a crash in between', async () => {
    const { dir, log, pruner } = await pruned()
    const plan = await pruner.plan(Number.MAX_SAFE_INTEGER - 1)
    expect(plan.files).toHaveLength(2)
    await pruner.prune({ ...plan, files: plan.files.slice(0, 1) })
    await log.close()
    rmSync(auditPaths(dir).tree)
    const again = newLog(dir)
    await again.append(note(9))
    await again.rotate()
    expect(await verifyDir(dir)).toMatchObject({ ok: true })
    const more = newPruner(auditPaths(dir), again.appendOwn)
    await more.prune(await more.plan(Number.MAX_SAFE_INTEGER - 1))
    await again.close()
    expect(await verifyDir(dir)).toMatchObject({ ok: true })
  })
})

describe('a rotation that is cut off', () => {
  it('is ended by the next writer, wherever it was cut', async () => {
    const dir = newDir()
    const log = newLog(dir)
    await log.append(note(1))
    const { head, log: file, segments } = auditPaths(dir)
    const oldHead = readFileSync(head)
    await log.rotate()
    await log.close()
    const closed = segmentPath(auditPaths(dir), 1)
    const after = readFileSync(closed)
    const lastOfSegment = after.toString().trimEnd().split('\n').length
    // Moved, and nothing more.
    rmSync(file)
    writeFileSync(head, oldHead)
    const second = newLog(dir)
    await second.append(note(2))
    expect(recordsOf(dir)[0]).toMatchObject({ type: 'log.segment', seq: lastOfSegment + 1 })
    await second.close()
    expect(await verifyDir(dir)).toMatchObject({ ok: true })
    // The next file begun, the head not moved.
    writeFileSync(head, oldHead)
    const third = newLog(dir)
    await third.append(note(3))
    await third.close()
    expect(readdirSync(segments)).toHaveLength(1)
    expect(await verifyDir(dir)).toMatchObject({ ok: true })
  })
})

describe('the signatures of a log', () => {
  it('cover every record that was acknowledged before a close, in any mix of operations', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('append', 'checkpoint', 'rotate', 'reopen'), { maxLength: 12 }),
        async (steps) => {
          const dir = newDir()
          let log = newLog(dir)
          for (const step of steps) {
            if (step === 'append') await log.append(note(1))
            if (step === 'checkpoint') await log.checkpoint()
            if (step === 'rotate') await log.rotate()
            if (step === 'reopen') {
              await log.close()
              log = newLog(dir)
            }
          }
          const { seq } = await log.append(note(2))
          await log.close()
          expect(checkpointsOf(dir).at(-1)?.size).toBeGreaterThanOrEqual(seq)
          expect(await verifyDir(dir)).toMatchObject({ ok: true })
        },
      ),
      { numRuns: 15 },
    )
  })
})
