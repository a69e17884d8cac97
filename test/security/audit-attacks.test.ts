import { appendFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { sha256 } from 'cloned/kernel'
import { describe, expect, it } from 'vitest'
import { START } from '../../plugins/audit/format.js'
import { encodeHead } from '../../plugins/audit/head.js'
import { auditPaths } from '../../plugins/audit/paths.js'
import { type VerifyOptions, verifyLog } from '../../plugins/audit/verify.js'
import { newDir } from '../plugins/audit-helpers.js'
import {
  type Crime,
  copyOf,
  install,
  installSigned,
  type LogRecord,
  logBytes,
  newCrime,
  newSigningKey,
  openSigned,
  originOf,
  publish,
  publishLast,
  readRecords,
  sideFile,
  sizeOf,
} from './audit-forge.js'

type Verdict = 'ok' | 'tampered' | 'truncated' | 'forked' | 'torn' | 'unverifiable'

interface Attack {
  readonly name: string
  readonly commit: (crime: Crime) => void | Promise<void>
  /** By somebody who has the log and nothing else. */
  readonly alone: Verdict
  /** By its owner, whose machine keeps the key. Default: as alone. */
  readonly owner?: Verdict
  /** With the remembered checkpoint. Default: as alone. */
  readonly since?: Verdict
}

/** Index of the last record that a signature covers, less the one that holds it. */
const lastSigned = (records: readonly LogRecord[]) => records.findLastIndex(({ type }) => type === 'log.checkpoint')
const changed = (records: LogRecord[], at: number) => records.with(at, { ...(records[at] as LogRecord), n: 999 })

function editLine(dir: string, at: number, edit: (line: string) => string): void {
  const lines = logBytes(dir)
    .toString('utf8')
    .split(/(?<=\n)/)
  writeFileSync(auditPaths(dir).log, lines.with(at, edit(lines[at] ?? '')).join(''))
}

function rewriteLines(dir: string, rewrite: (lines: string[]) => string[]): void {
  const lines = logBytes(dir)
    .toString('utf8')
    .split(/(?<=\n)/)
  writeFileSync(auditPaths(dir).log, rewrite(lines).join(''))
}

const ATTACKS: readonly Attack[] = [
  { name: 'nothing', commit: () => {}, alone: 'ok' },
  // -- the files, without the key -------------------------------------------------------------------------------------
  {
    name: 'a record edited in place',
    commit: ({ dir }) => editLine(dir, 5, (line) => line.replace('first', 'furst')),
    alone: 'tampered',
  },
  {
    name: 'a record deleted',
    commit: ({ dir }) => rewriteLines(dir, (lines) => lines.toSpliced(5, 1)),
    alone: 'tampered',
  },
  {
    name: 'a record repeated',
    commit: ({ dir }) => rewriteLines(dir, (lines) => lines.toSpliced(5, 0, lines[5] ?? '')),
    alone: 'tampered',
  },
  {
    name: 'two records swapped',
    commit: ({ dir }) => rewriteLines(dir, (lines) => lines.with(5, lines[6] ?? '').with(6, lines[5] ?? '')),
    alone: 'tampered',
  },
  {
    name: 'a record edited and everything after it chained anew, head included',
    commit: ({ dir }) => install(dir, changed(readRecords(dir), 5)),
    alone: 'tampered',
  },
  {
    name: 'the same, and the checkpoint file deleted: the notes in the log speak for themselves',
    commit: ({ dir }) => {
      install(dir, changed(readRecords(dir), 5))
      rmSync(sideFile(dir, 'checkpoint'))
    },
    alone: 'tampered',
  },
  {
    name: 'a record edited, chained anew, and the checkpoints after it left out',
    commit: ({ dir }) => {
      const records = changed(readRecords(dir), 20)
      install(
        dir,
        records.filter(({ type }, i) => i < 20 || type !== 'log.checkpoint'),
      )
    },
    alone: 'tampered',
  },
  {
    name: 'the same with the checkpoint file put back: an edit after the last signature there is left',
    commit: ({ dir }) => {
      const records = changed(readRecords(dir), 20)
      const kept = records.filter(({ type }, i) => i < 20 || type !== 'log.checkpoint')
      install(dir, kept)
      publishLast(dir, kept)
    },
    alone: 'ok',
    since: 'ok',
  },
  {
    name: 'the last record edited in place',
    commit: ({ dir }) => editLine(dir, readRecords(dir).length - 1, (line) => line.replace('third', 'thord')),
    alone: 'tampered',
  },
  {
    name: 'a record after the last checkpoint edited, chained anew, head included',
    commit: ({ dir }) => install(dir, changed(readRecords(dir), readRecords(dir).length - 1)),
    alone: 'ok',
  },
  {
    name: 'records after the last checkpoint cut off',
    commit: ({ dir }) => rewriteLines(dir, (lines) => lines.slice(0, -4)),
    alone: 'truncated',
  },
  {
    name: 'records after the last checkpoint cut off, head included',
    commit: ({ dir }) => install(dir, readRecords(dir).slice(0, -3)),
    alone: 'ok',
  },
  {
    name: 'records under the last checkpoint cut off, head included',
    commit: ({ dir }) => install(dir, readRecords(dir).slice(0, lastSigned(readRecords(dir)) - 2)),
    alone: 'truncated',
  },
  {
    name: 'the same, and the checkpoint file put back to the one before',
    commit: ({ dir, anchored }) => {
      const kept = readRecords(dir).slice(0, anchored + 5)
      install(dir, kept)
      publishLast(dir, kept)
    },
    alone: 'ok',
  },
  {
    name: 'everything after the beginning cut off, head and checkpoint file included',
    commit: ({ dir }) => {
      install(dir, readRecords(dir).slice(0, 8))
      rmSync(sideFile(dir, 'checkpoint'))
    },
    alone: 'ok',
    since: 'truncated',
  },
  {
    name: 'the checkpoint file deleted',
    commit: ({ dir }) => rmSync(sideFile(dir, 'checkpoint')),
    alone: 'ok',
  },
  {
    name: 'the checkpoint file of another log put in place',
    commit: async ({ dir }) => publish(dir, (await newCrime()).remembered),
    alone: 'tampered',
  },
  { name: 'junk as the checkpoint file', commit: ({ dir }) => publish(dir, 'signed, the log\n'), alone: 'tampered' },
  { name: 'the log deleted', commit: ({ dir }) => rmSync(auditPaths(dir).log), alone: 'truncated' },
  { name: 'the head deleted', commit: ({ dir }) => rmSync(auditPaths(dir).head), alone: 'unverifiable' },
  { name: 'junk as the head', commit: ({ dir }) => writeFileSync(auditPaths(dir).head, 'head'), alone: 'unverifiable' },
  {
    name: 'the log and everything beside it deleted',
    commit: ({ dir }) => {
      rmSync(auditPaths(dir).log)
      rmSync(auditPaths(dir).side, { recursive: true })
    },
    alone: 'ok',
    since: 'truncated',
  },
  {
    name: 'a new log begun in its place',
    commit: async ({ dir, key }) => {
      rmSync(auditPaths(dir).log)
      rmSync(auditPaths(dir).side, { recursive: true })
      const log = openSigned(dir, key)
      for (let n = 0; n < 30; n++) await log.append({ type: 'acme.note', ts: '2026-01-01T00:00:00.000Z', n })
      await log.close()
    },
    alone: 'ok',
    since: 'forked',
  },
  {
    name: 'a line cut in the middle',
    commit: ({ dir }) => appendFileSync(auditPaths(dir).log, '{"v":1,"seq":'),
    alone: 'torn',
  },
  {
    name: 'a line cut short of its head',
    commit: ({ dir }) => truncateSync(auditPaths(dir).log, logBytes(dir).length - 9),
    alone: 'truncated',
  },
  {
    name: 'an endless line',
    commit: ({ dir }) => appendFileSync(auditPaths(dir).log, 'x'.repeat(400_000)),
    alone: 'tampered',
  },
  {
    name: 'a line that is not of the log',
    commit: ({ dir }) => appendFileSync(auditPaths(dir).log, '{}\n'),
    alone: 'tampered',
  },
  // -- another key ----------------------------------------------------------------------------------------------------
  {
    name: 'everything rewritten and signed with a key of the forger',
    commit: ({ dir }) => installSigned(dir, changed(readRecords(dir), 5), newSigningKey()),
    alone: 'ok',
    owner: 'tampered',
    since: 'forked',
  },
  {
    name: 'one checkpoint signed with a key of the forger',
    commit: ({ dir }) => {
      const other = newDir()
      const records = readRecords(dir)
      installSigned(other, changed(records, 20), newSigningKey(), originOf(records))
      const forged = readRecords(other).map((record, i) => (i === 0 ? (records[0] as LogRecord) : record))
      install(dir, forged)
      publishLast(dir, forged)
    },
    alone: 'tampered',
  },
  {
    name: 'log.key that names a key of the forger, signed by that key',
    commit: ({ dir }) => {
      const records = readRecords(dir)
      const at = lastSigned(records) + 1
      const forger = newSigningKey()
      const other = newDir()
      installSigned(other, records, forger)
      const [genesis] = readRecords(other)
      const note = String(readRecords(other).findLast(({ type }) => type === 'log.checkpoint')?.['note'])
      install(
        dir,
        records.toSpliced(at, 0, { ts: '2026-01-01T00:00:00.000Z', type: 'log.key', vkey: genesis?.['vkey'], note }),
      )
    },
    alone: 'tampered',
  },
  // -- the key --------------------------------------------------------------------------------------------------------
  {
    name: 'everything rewritten with the key of the log',
    commit: ({ dir, key }) => installSigned(dir, changed(readRecords(dir), 5), key),
    alone: 'ok',
    since: 'forked',
  },
  {
    name: 'everything after the remembered checkpoint rewritten with the key of the log',
    commit: ({ dir, key }) => installSigned(dir, changed(readRecords(dir), 20), key),
    alone: 'ok',
    since: 'ok',
  },
  {
    name: 'a checkpoint that says more than there was, with the key of the log',
    commit: ({ dir, key }) => {
      const records = readRecords(dir)
      installSigned(dir, [...records, { ts: '2026-01-01T00:00:00.000Z', type: 'log.checkpoint' }], key)
      const note = readFileSync(sideFile(dir, 'checkpoint'), 'utf8')
      install(dir, records.slice(0, sizeOf(note) - 1))
    },
    alone: 'truncated',
  },
]

describe('attacks on the audit log', () => {
  it('leave the log of the tests alone: it is good to begin with, remembered and signed', async () => {
    const crime = await newCrime()
    const found = await verifyLog(auditPaths(crime.dir), { since: crime.remembered })
    expect(found).toMatchObject({ ok: true, signed: { trust: 'first-use' } })
    expect(found.signed?.size).toBeGreaterThan(crime.anchored)
    expect(found.entries).toBeGreaterThan(found.signed?.size ?? 0)
  })

  it.each(ATTACKS)('$name: $alone', async ({ commit, alone, owner = alone, since = alone }) => {
    const crime = await newCrime()
    await commit(crime)
    const verdict = async (options: VerifyOptions): Promise<Verdict> => {
      const found = await verifyLog(auditPaths(crime.dir), options)
      expect(found.ok).toBe(found.problem === undefined)
      return found.problem?.kind ?? 'ok'
    }
    const trusts = async (key: Crime['key']['publicKey']) => key.equals(crime.key.publicKey)
    expect({
      alone: await verdict({}),
      owner: await verdict({ trusts }),
      since: await verdict({ since: crime.remembered }),
    }).toEqual({ alone, owner, since })
  })

  it('change no byte of a signed log unseen, wherever it stands', async () => {
    const crime = await newCrime()
    const good = logBytes(crime.dir)
    const missed: number[] = []
    for (let at = 0; at < good.length; at += 7) {
      const bytes = Buffer.from(good)
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8))
      writeFileSync(auditPaths(crime.dir).log, bytes)
      if ((await verifyLog(auditPaths(crime.dir))).ok) missed.push(at)
    }
    expect(missed).toEqual([])
  })

  it('are seen at every record boundary once the remembered checkpoint is cut', async () => {
    const crime = await newCrime()
    const records = readRecords(crime.dir)
    const expected = records.map((_, i) => (i + 1 < crime.anchored ? 'truncated' : 'ok'))
    const found: string[] = []
    for (const i of records.keys()) {
      const { dir } = copyOf(crime)
      const kept = records.slice(0, i + 1)
      install(dir, kept)
      rmSync(sideFile(dir, 'checkpoint'))
      found.push((await verifyLog(auditPaths(dir), { since: crime.remembered })).problem?.kind ?? 'ok')
    }
    expect(found).toEqual(expected)
  })

  it('that restore an older copy and go on from it are a fork for whoever remembers the newer one', async () => {
    const key = newSigningKey()
    const dir = newDir()
    const log = openSigned(dir, key)
    await log.append({ type: 'acme.note', ts: '2026-01-01T00:00:00.000Z', n: 1 })
    await log.checkpoint()
    const backup = copyOf({ dir, key, remembered: '', anchored: 0 })
    await log.append({ type: 'acme.note', ts: '2026-01-01T00:00:00.000Z', n: 2 })
    const remembered = (await log.checkpoint())?.note ?? ''
    await log.close()
    expect((await verifyLog(auditPaths(backup.dir), { since: remembered })).problem?.kind).toBe('truncated')
    const restored = openSigned(backup.dir, key)
    for (let n = 0; n < 9; n++) await restored.append({ type: 'acme.note', ts: '2026-01-01T00:00:00.000Z', n })
    await restored.close()
    const found = await verifyLog(auditPaths(backup.dir), { since: remembered })
    expect(found.problem?.kind).toBe('forked')
    expect(found.evidence).toContain(originOf(readRecords(backup.dir)))
    expect((await verifyLog(auditPaths(backup.dir))).ok).toBe(true)
  })

  it('hide no second seq, prev or v from one reader, in any spelling', async () => {
    const { dir } = await newCrime()
    const records = readRecords(dir).slice(0, 5)
    for (const key of [
      '"seq":9',
      '"prev":"x"',
      '"v":2',
      '"\\u0073eq":9',
      '"s\\u0065q":9',
      '"\\u0076":2',
      '"seq" :9',
      '"prev"\t:1',
    ]) {
      install(dir, records)
      const lines = logBytes(dir)
        .toString('utf8')
        .split(/(?<=\n)/)
      const line = (lines[4] ?? '').replace(/\}\n$/, `,${key}}\n`)
      const text = [...lines.slice(0, 4), line].join('')
      writeFileSync(auditPaths(dir).log, text)
      writeFileSync(
        auditPaths(dir).head,
        encodeHead({ seq: 5, hash: sha256(line), size: Buffer.byteLength(text), first: 1 }),
      )
      rmSync(sideFile(dir, 'checkpoint'), { force: true })
      expect([key, (await verifyLog(auditPaths(dir))).problem?.kind]).toEqual([key, 'tampered'])
      // The same name inside of a value or deeper down is nobody's business.
      install(
        dir,
        records.with(4, { ...(records[4] as LogRecord), deep: { seq: 9, prev: 'x', v: 2 }, text: '"seq":9' }),
      )
      expect((await verifyLog(auditPaths(dir))).ok).toBe(true)
    }
  })

  it('of an empty workspace are none', async () => {
    expect(await verifyLog(auditPaths(newDir()))).toEqual({ ok: true, entries: 0, lastHash: START.hash })
  })
})
