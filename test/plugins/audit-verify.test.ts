import { closeSync, openSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { encodeLine } from '../../plugins/audit/format.js'
import { auditPaths } from '../../plugins/audit/paths.js'
import { batch, body, linesOf, newDir, newWriter, readLog, TS, verifyDir } from './audit-helpers.js'

/** A log of 30 records in a few batches. */
function newLog(): string {
  const dir = newDir()
  const writer = newWriter(dir)
  for (let n = 0; n < 29; n += 5) {
    writer.write(
      batch(...[0, 1, 2, 3, 4].map((i) => body(n + i, i === 0 ? { text: 'é "prev":"x"\n' } : {})).slice(0, 29 - n)),
    )
  }
  writer.close()
  return dir
}

describe('audit verify', () => {
  it('accepts an untouched log and names its last hash', async () => {
    const dir = newLog()
    const lines = linesOf(readLog(dir))
    expect(lines).toHaveLength(30)
    const result = await verifyDir(dir)
    expect(result).toMatchObject({ ok: true, entries: 30 })
    expect(result.problem).toBeUndefined()
  })

  it('accepts a workspace that has recorded nothing yet', async () => {
    expect(await verifyDir(newDir())).toMatchObject({ ok: true, entries: 0 })
  })

  it('creates and changes nothing', async () => {
    const empty = newDir()
    await verifyDir(empty)
    expect(readdirSync(empty)).toEqual([])
    const dir = newLog()
    const { log, head } = auditPaths(dir)
    const before = [log, head].map((path) => [statSync(path).mtimeMs, statSync(path).size, statSync(path).ino])
    await verifyDir(dir)
    expect([log, head].map((path) => [statSync(path).mtimeMs, statSync(path).size, statSync(path).ino])).toEqual(before)
  })

  it('notices every changed byte, wherever it stands', async () => {
    const dir = newLog()
    const { log } = auditPaths(dir)
    const good = readLog(dir)
    const missed: number[] = []
    const fd = openSync(log, 'r+')
    for (let at = 0; at < good.length; at++) {
      const byte = good[at] ?? 0
      // A different single bit each time, and a line feed, which makes and breaks lines.
      const changed = at % 3 === 0 && byte !== 0x0a ? 0x0a : byte ^ (1 << (at % 8))
      writeSync(fd, Buffer.of(changed), 0, 1, at)
      if ((await verifyDir(dir)).ok) missed.push(at)
      writeSync(fd, Buffer.of(byte), 0, 1, at)
    }
    closeSync(fd)
    expect(missed).toEqual([])
    expect(readLog(dir)).toEqual(good)
    expect((await verifyDir(dir)).ok).toBe(true)
  })

  it('notices a deleted, repeated, moved or added line, and says where', async () => {
    const dir = newLog()
    const { log } = auditPaths(dir)
    const lines = readLog(dir)
      .toString('utf8')
      .split(/(?<=\n)/)
    const write = async (changed: readonly string[]) => {
      writeFileSync(log, changed.join(''))
      return verifyDir(dir)
    }
    for (let i = 0; i < lines.length; i++) {
      const others = lines.toSpliced(i, 1)
      expect(await write(others)).toMatchObject({ ok: false, problem: { line: i + 1 } })
      expect(await write(lines.toSpliced(i, 0, lines[i] ?? ''))).toMatchObject({
        ok: false,
        problem: { kind: 'tampered' },
      })
      if (i > 0) {
        const swapped = lines.with(i, lines[i - 1] ?? '').with(i - 1, lines[i] ?? '')
        expect(await write(swapped)).toMatchObject({ ok: false, problem: { kind: 'tampered', line: i } })
      }
    }
    const unchained = encodeLine(body('added'), 31, 'f'.repeat(64)).line
    expect(await write([...lines, unchained])).toMatchObject({ problem: { kind: 'tampered', line: 31 } })
    expect(await write([...lines, '\n'])).toMatchObject({ problem: { kind: 'tampered', line: 31 } })
    expect(await write(lines)).toMatchObject({ ok: true })
  })

  it('notices a log that was cut at any record, and counts what is gone', async () => {
    const dir = newLog()
    const { log } = auditPaths(dir)
    const good = readLog(dir)
    for (let end = good.length - 1, gone = 0; end > 0; end--) {
      if (good[end - 1] !== 0x0a) continue
      gone++
      truncateSync(log, end)
      const { ok, entries, problem } = await verifyDir(dir)
      expect({ ok, entries, kind: problem?.kind, line: problem?.line }).toEqual({
        ok: false,
        entries: 30 - gone,
        kind: 'truncated',
        line: 31 - gone,
      })
      expect(problem?.message).toContain(`${gone} of 30`)
    }
    truncateSync(log, 0)
    expect(await verifyDir(dir)).toMatchObject({ ok: false, entries: 0, problem: { kind: 'truncated' } })
    rmSync(log)
    expect(await verifyDir(dir)).toMatchObject({ ok: false, entries: 0, problem: { kind: 'truncated' } })
  })

  it('notices a rewritten end that chains, because the head sealed another one', async () => {
    const dir = newLog()
    const { log } = auditPaths(dir)
    const lines = readLog(dir)
      .toString('utf8')
      .split(/(?<=\n)/)
    const last = JSON.parse(lines[29] ?? '')
    const forged = encodeLine(body('forged'), 30, last.prev).line
    writeFileSync(log, [...lines.slice(0, 29), forged].join(''))
    expect(await verifyDir(dir)).toMatchObject({ ok: false, problem: { kind: 'tampered', line: 30 } })
  })

  it('refuses to vouch for a log whose head is gone or not readable', async () => {
    const dir = newLog()
    const { head } = auditPaths(dir)
    for (const content of ['', 'x', 'x'.repeat(119)]) {
      writeFileSync(head, content)
      expect(await verifyDir(dir)).toMatchObject({ ok: false, problem: { kind: 'unverifiable' } })
    }
    rmSync(head)
    expect(await verifyDir(dir)).toMatchObject({ ok: false, problem: { kind: 'unverifiable' } })
  })

  it('reports an incomplete last line as torn, at its place', async () => {
    const dir = newLog()
    const good = readLog(dir)
    writeFileSync(auditPaths(dir).log, Buffer.concat([good, Buffer.from('{"v":1,"seq":31')]))
    expect(await verifyDir(dir)).toMatchObject({
      ok: false,
      entries: 30,
      problem: { kind: 'torn', line: 31, offset: good.length },
    })
  })

  it('accepts complete chained lines behind the head: their writer died before it moved it', async () => {
    const dir = newLog()
    const { lastHash } = await verifyDir(dir)
    const line = encodeLine(body('late', { ts: TS }), 31, lastHash).line
    writeFileSync(auditPaths(dir).log, Buffer.concat([readLog(dir), Buffer.from(line)]))
    expect(await verifyDir(dir)).toMatchObject({ ok: true, entries: 31 })
  })

  it('agrees with a verifier that shares no code with the writer', async () => {
    const dir = newLog()
    const { createHash } = await import('node:crypto')
    let prev = '0'.repeat(64)
    for (const [i, line] of linesOf(readLog(dir)).entries()) {
      const match = /^\{"v":1,"seq":(\d+),"prev":"([0-9a-f]{64})",/.exec(line)
      expect([match?.[1], match?.[2]]).toEqual([String(i + 1), prev])
      prev = createHash('sha256').update(`${line}\n`).digest('hex')
    }
    expect((await verifyDir(dir)).lastHash).toBe(prev)
  })
})
