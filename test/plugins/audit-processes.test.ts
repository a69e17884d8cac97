// Needs the build: real processes run the compiled worker.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { openAuditLog } from '../../plugins/audit/log.js'
import { auditPaths } from '../../plugins/audit/paths.js'
import { newDir, newLog, recordsOf, TS, verifyDir } from './audit-helpers.js'

const APPENDER = fileURLToPath(new URL('../../dist/test/fixtures/audit-appender.js', import.meta.url))
const KILLS = process.env['CLONED_LONG'] === '1' ? 60 : 6

interface Appender {
  readonly child: ChildProcess
  /** Lines `seq hash id` of acknowledged records. */
  readonly acknowledged: string[]
  readonly ended: Promise<number | null>
}

function start(args: readonly (string | number)[], onAcknowledged: (appender: Appender) => void = () => {}): Appender {
  expect(existsSync(APPENDER), `${APPENDER} is missing: run "npm run build" first`).toBe(true)
  const child = spawn(process.execPath, [APPENDER, ...args.map(String)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const acknowledged: string[] = []
  const lines = createInterface({ input: child.stdout })
  const ended = Promise.all([once(child, 'exit'), once(lines, 'close')]).then(([[code]]) => code as number | null)
  const appender = { child, acknowledged, ended }
  lines.on('line', (line) => {
    acknowledged.push(line)
    onAcknowledged(appender)
  })
  return appender
}

/** Acknowledged lines as the log has them. */
function recorded(dir: string): Map<string, number> {
  return new Map(recordsOf(dir).map(({ id, seq }) => [String(id), Number(seq)]))
}

describe('several processes on one audit log', () => {
  it('leave one unbroken chain that holds every acknowledged record once', async () => {
    const dir = newDir()
    const appenders = ['a', 'b', 'c', 'd'].map((tag) => start([dir, tag, 15, 5]))
    expect(await Promise.all(appenders.map(({ ended }) => ended))).toEqual([0, 0, 0, 0])
    expect(await verifyDir(dir)).toMatchObject({ ok: true, entries: 1 + 4 * 15 * 5 })
    const inLog = recorded(dir)
    const acknowledged = appenders.flatMap(({ acknowledged }) => acknowledged)
    expect(acknowledged).toHaveLength(4 * 15 * 5)
    for (const line of acknowledged) {
      const [seq, , id] = line.split(' ')
      expect(inLog.get(String(id))).toBe(Number(seq))
    }
    expect(recordsOf(dir).filter(({ type }) => type === 'log.genesis')).toHaveLength(1)
  })

  it('can be verified while they write', async () => {
    const dir = newDir()
    const appenders = ['a', 'b'].map((tag) => start([dir, tag, 30, 20, 3_000]))
    const all = Promise.all(appenders.map(({ ended }) => ended))
    let writing = true
    const done = all.finally(() => {
      writing = false
    })
    const problems: unknown[] = []
    while (writing) {
      const { problem } = await verifyDir(dir)
      if (problem) problems.push(problem)
    }
    expect(await done).toEqual([0, 0])
    expect(problems).toEqual([])
  })

  it('end by themselves when they are idle with the log left open', async () => {
    const dir = newDir()
    const code = `import { openAuditLog } from 'cloned/plugins/audit'
      const log = openAuditLog({ dir: ${JSON.stringify(dir)} })
      console.log((await log.append({ type: 'a.b', ts: 'now' })).seq)
      void log.append({ type: 'a.b', ts: 'now' }).then(({ seq }) => console.log(seq))`
    const cwd = fileURLToPath(new URL('../..', import.meta.url))
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
      cwd,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let out = ''
    child.stdout.on('data', (chunk) => {
      out += chunk
    })
    const [exit] = await once(child, 'close')
    // The record in flight was waited for; the idle writer was not.
    expect([exit, out]).toEqual([0, '2\n3\n'])
  })
})

describe('kill -9 while appending', () => {
  it('loses no acknowledged record, leaves no lock, and what it tore is recorded', async () => {
    const dir = newDir()
    const acknowledged: string[] = []
    for (let kill = 0; kill < KILLS; kill++) {
      // Large bursts make long writes; the number of acknowledgements before the kill moves the moment.
      const appender = start([dir, `k${kill}`, 1_000, 24, 20_000], ({ child, acknowledged: seen }) => {
        if (seen.length > (kill * 37) % 150) child.kill('SIGKILL')
      })
      await appender.ended
      expect(appender.child.signalCode).toBe('SIGKILL')
      acknowledged.push(...appender.acknowledged)

      const before = await verifyDir(dir)
      if (!before.ok) expect(before.problem?.kind).toBe('torn')
      const log = openAuditLog({ dir })
      await log.append({ type: 'acme.note', ts: TS, id: `after-${kill}` })
      await log.close()
      expect(await verifyDir(dir)).toMatchObject({ ok: true })
      const last = recordsOf(dir).slice(-2)
      expect(last[1]).toMatchObject({ id: `after-${kill}` })
      if (!before.ok) expect(last[0]).toMatchObject({ type: 'log.recover', last_seq: before.entries })
    }
    const inLog = recorded(dir)
    for (const line of acknowledged) {
      const [seq, , id] = line.split(' ')
      expect(inLog.get(String(id))).toBe(Number(seq))
    }
    expect(acknowledged.length).toBeGreaterThan(KILLS)
  })
})

describe('kill -9 of processes that sign and rotate', () => {
  it('loses no acknowledged record and breaks no chain, whatever was half done', async () => {
    const dir = newDir()
    const acknowledged: string[] = []
    const kills = Math.ceil(KILLS / 2)
    for (let kill = 0; kill < kills; kill++) {
      // Files of 30 kB, so that most kills come near a rotation; a second process writes beside the one that dies.
      const limit = 20 + ((kill * 53) % 200)
      const dying = start([dir, `k${kill}`, 1_000, 8, 2_000, 30_000], ({ child, acknowledged: seen }) => {
        if (seen.length > limit) child.kill('SIGKILL')
      })
      const beside = start([dir, `b${kill}`, 4, 4, 2_000, 30_000])
      await dying.ended
      expect(await beside.ended).toBe(0)
      acknowledged.push(...dying.acknowledged, ...beside.acknowledged)
      const log = newLog(dir)
      await log.append({ type: 'acme.note', ts: TS, id: `after-${kill}` })
      await log.close()
      expect(await verifyDir(dir)).toMatchObject({ ok: true })
    }
    const log = newLog(dir)
    const inLog = new Map<string, number>()
    for (let cursor = { first: 1, offset: 0 }; ; ) {
      const { records, next } = await log.since(cursor)
      for (const { seq, record } of records) if (record['id'] !== undefined) inLog.set(String(record['id']), seq)
      if (records.length === 0) break
      cursor = next
    }
    for (const line of acknowledged) {
      const [seq, , id] = line.split(' ')
      expect(inLog.get(String(id))).toBe(Number(seq))
    }
    expect(readdirSync(auditPaths(dir).segments).length).toBeGreaterThan(kills)
  })
})
