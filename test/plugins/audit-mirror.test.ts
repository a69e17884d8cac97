import { appendFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type AuditQuery, Mirror } from '../../plugins/audit/mirror.js'
import { auditPaths } from '../../plugins/audit/paths.js'
import { tailCommand } from '../../plugins/audit/tail-command.js'
import { context } from './audit-fixture.js'
import { newDir, newLog, TS } from './audit-helpers.js'
import { opened } from './store-fixture.js'

async function setUp() {
  const dir = newDir()
  const store = await opened(join(dir, 'state.db'))
  const log = newLog(dir)
  return { dir, log, store, mirror: new Mirror(auditPaths(dir), store) }
}

const HOUR = 3_600_000
const START = Date.parse(TS)
const entry = (n: number) => ({
  type: n % 2 ? 'tool.outcome' : 'tool.intent',
  ts: new Date(START + n * HOUR).toISOString(),
  call_id: `c${n}`,
  target: ['fs.file.read@v1', 'fs.file.read@v2', 'fs.file.reader@v1', 'fs.file.rea@v1'][n % 4] ?? '',
  actor: { id: `user:${n % 3}` },
  ...(n % 2 ? { status: n % 5 ? 'done' : 'denied' } : {}),
})

describe('looking records up', () => {
  it('finds what reading the whole log would find', async () => {
    const { log, mirror } = await setUp()
    await Promise.all(Array.from({ length: 60 }, (_, n) => log.append(entry(n))))
    const everything = (await log.last(1_000)).records
    const query = fc.record(
      {
        tool: fc.constantFrom('fs.file.read', 'fs.file.read@v2', 'fs.file.rea', 'fs'),
        actor: fc.constantFrom('user:0', 'user:2', "' or 1=1 --"),
        outcome: fc.constantFrom('done', 'denied', 'failed'),
        since: fc.integer({ min: -1, max: 61 }).map((n) => START + n * HOUR),
        until: fc.integer({ min: -1, max: 61 }).map((n) => START + n * HOUR),
        limit: fc.integer({ min: 1, max: 30 }),
      },
      { requiredKeys: ['limit'] },
    )
    await fc.assert(
      fc.asyncProperty(query, async (given) => {
        const wanted = given as AuditQuery
        const found = await mirror.query(wanted)
        const expected = everything.filter(({ record }) => {
          const at = Date.parse(String(record['ts']))
          const target = String(record['target'] ?? '')
          const actor = (record['actor'] as { id?: string } | undefined)?.id
          return (
            (wanted.tool === undefined ||
              (wanted.tool.includes('@') ? target === wanted.tool : target.startsWith(`${wanted.tool}@`))) &&
            (wanted.actor === undefined || actor === wanted.actor) &&
            (wanted.outcome === undefined || record['status'] === wanted.outcome) &&
            (wanted.since === undefined || at >= wanted.since) &&
            (wanted.until === undefined || at < wanted.until)
          )
        })
        expect(found.map(({ seq }) => seq)).toEqual(expected.slice(-wanted.limit).map(({ seq }) => seq))
      }),
      { numRuns: 60 },
    )
  })

  it('takes in only what is new, across files, and finds what moved', async () => {
    const { log, mirror, store } = await setUp()
    await log.append(entry(1))
    await mirror.sync()
    await log.append(entry(3))
    await log.rotate()
    await log.append(entry(5))
    expect((await mirror.query({ actor: 'user:0', limit: 10 })).map(({ record }) => record['call_id'])).toEqual(['c3'])
    const found = await mirror.query({ outcome: 'done', limit: 10 })
    expect(found.map(({ record }) => record['call_id'])).toEqual(['c1', 'c3'])
    const [row] = await store.all('select count(*) as n, max(seq) as last from audit_records')
    expect(row?.['n']).toBe(row?.['last'])
  })

  it('starts over when the tables are not those of the log', async () => {
    const { dir, log, mirror, store } = await setUp()
    await log.append(entry(1))
    await mirror.sync()
    await store.write([
      { sql: "update audit_mirror set hash = 'x' where id = 1" },
      { sql: 'delete from audit_records' },
    ])
    expect(await mirror.query({ outcome: 'done', limit: 10 })).toHaveLength(1)
    await log.close()
    // A log that was begun anew.
    for (const path of [auditPaths(dir).log, auditPaths(dir).side]) rmSync(path, { recursive: true })
    const other = newLog(dir)
    await other.append(entry(5))
    await other.append(entry(7))
    expect((await mirror.query({ outcome: 'done', limit: 10 })).map(({ record }) => record['call_id'])).toEqual(['c7'])
  })

  it('is shared by several that take in at once', async () => {
    const { dir, log, mirror, store } = await setUp()
    await Promise.all(Array.from({ length: 2_500 }, (_, n) => log.append(entry(n))))
    const mirrors = [mirror, new Mirror(auditPaths(dir), store), new Mirror(auditPaths(dir), store)]
    await Promise.all(mirrors.map((each) => each.sync()))
    const [row] = await store.all('select count(*) as n, max(seq) as last from audit_records')
    expect(Number(row?.['n'])).toBeGreaterThanOrEqual(2_500)
    expect(row?.['n']).toBe(row?.['last'])
  })

  it('leaves a line that is not whole yet for later', async () => {
    const { dir, log, mirror } = await setUp()
    await log.append(entry(1))
    appendFileSync(auditPaths(dir).log, '{"v":1,')
    expect(await mirror.query({ outcome: 'done', limit: 10 })).toHaveLength(1)
  })
})

describe('audit tail with filters', () => {
  it('shows what matches, by time from now on backwards too', async () => {
    const { log, mirror } = await setUp()
    await Promise.all(Array.from({ length: 10 }, (_, n) => log.append(entry(n))))
    const command = tailCommand(
      () => log,
      () => mirror,
      () => START + 10 * HOUR,
    )
    const shown = async ({ actor, ...options }: Record<string, string>) => {
      const { json } = await command.run(
        context({ options, actor: actor === undefined ? undefined : { id: actor, claimed: true } }),
      )
      return (json as { records: { record: { call_id: string } }[] }).records.map(({ record }) => record.call_id)
    }
    expect(await shown({ outcome: 'denied' })).toEqual(['c5'])
    expect(await shown({ tool: 'fs.file.read', outcome: 'done' })).toEqual(['c1', 'c9'])
    expect(await shown({ actor: 'user:1', limit: '2' })).toEqual(['c4', 'c7'])
    expect(await shown({ since: '3h', outcome: 'done' })).toEqual(['c7', 'c9'])
    expect(await shown({ until: new Date(START + 3 * HOUR).toISOString(), outcome: 'done' })).toEqual(['c1'])
    for (const options of [{ since: 'yesterday' }, { since: '7x' }, { tool: '' }, { outcome: 'done', follow: true }]) {
      await expect(command.run(context({ options }))).rejects.toMatchObject({ exit: 2 })
    }
  })
})
