import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Connections, openConnections } from '../../plugins/store/database-file.js'
import { GroupWriter } from '../../plugins/store/group-writer.js'
import { Session } from '../../plugins/store/session.js'
import { temporary } from './store-fixture.js'

const INSERT = 'insert into t (k) values ($1)'

/** A group writer on a real file, with the statements that its connection executes, and a fault to put into one. */
function world(busyMs = 10_000) {
  const path = join(temporary(), 'state.db')
  const executed: string[] = []
  const fault: { at: string; error: Error | undefined } = { at: '', error: undefined }
  let real: Connections | undefined
  let session: Session | undefined
  let opens = 0
  const open = () => {
    if (session) return session
    opens++
    const connections = openConnections(path)
    connections.writer.exec('create table if not exists t (k text primary key) strict')
    real = connections
    const writer = {
      get isOpen() {
        return connections.writer.isOpen
      },
      prepare: (sql: string) => connections.writer.prepare(sql),
      close: () => connections.writer.close(),
      exec: (sql: string) => {
        executed.push(sql)
        const { error } = fault
        if (error && sql === fault.at) {
          fault.error = undefined
          throw error
        }
        connections.writer.exec(sql)
      },
    }
    session = new Session({ ...connections, writer })
    return session
  }
  const giveUp = () => {
    real?.close()
    session = undefined
  }
  onTestFinished(giveUp)
  const writer = new GroupWriter({ session: open, giveUp, busyMs })
  const put = (k: string, durable = true) =>
    writer.submit((s) => s.batch([{ sql: INSERT, args: [k], expect: 1 }]), durable)
  const keys = () =>
    open()
      .read('select k from t order by k', [])
      .map((row) => row['k'])
  return { put, keys, executed, fault, path, open, opens: () => opens, writer }
}

function sqliteError(errcode: number, message: string): Error {
  return Object.assign(new Error(message), { errcode })
}

describe('group commit', () => {
  it('commits the batches of one moment in one transaction', async () => {
    const { put, executed, keys } = world()
    await Promise.all(Array.from({ length: 20 }, (_, i) => put(`k${i}`)))
    expect(executed.filter((sql) => sql === 'begin immediate')).toHaveLength(1)
    expect(executed.filter((sql) => sql === 'commit')).toHaveLength(1)
    expect(keys()).toHaveLength(20)
  })

  it.each([
    [[true], 'full'],
    [[false], 'normal'],
    [[false, true, false], 'full'],
    [[false, false], 'normal'],
  ])('commits a group with durable %j under synchronous=%s', async (durables, level) => {
    const { put, open } = world()
    const levels = { 1: 'normal', 2: 'full' }
    let during: unknown
    // Asked inside the transaction, where the level that its commit will have cannot change any more.
    const asked = open().connections.writer
    const originalExec = asked.exec
    asked.exec = (sql: string) => {
      if (sql === 'commit') during = asked.prepare('pragma synchronous').get()?.['synchronous']
      originalExec(sql)
    }
    await Promise.all(durables.map((durable, i) => put(`k${i}`, durable)))
    expect(levels[during as 1 | 2]).toBe(level)
  })

  it('undoes all of a batch that is alone when a part of it fails, and goes on', async () => {
    const { put, writer, keys, opens, executed } = world()
    await put('before')
    executed.length = 0
    const twice = [
      { sql: INSERT, args: ['a'] },
      { sql: INSERT, args: ['before'], expect: 1 },
    ]
    await expect(writer.submit((s) => s.batch(twice), true)).rejects.toMatchObject({ code: 'STORE_CONFLICT' })
    expect(executed).toEqual(['begin immediate', 'rollback'])
    await put('after')
    expect([keys(), opens()]).toEqual([['after', 'before'], 1])
  })

  it('trusts the file no more when a batch that is alone cannot be undone', async () => {
    const { put, fault, keys, opens } = world()
    await put('before')
    fault.at = 'rollback'
    fault.error = sqliteError(1034, 'the device failed')
    await expect(put('before')).rejects.toMatchObject({ code: 'STORE_FAILED' })
    await put('after')
    expect([keys(), opens()]).toEqual([['after', 'before'], 2])
  })

  it('goes back to a synced commit after a relaxed one', async () => {
    const { put, executed } = world()
    await put('a', false)
    await put('b', true)
    await put('c', false)
    expect(executed.filter((sql) => sql.startsWith('pragma'))).toEqual([
      'pragma synchronous = normal',
      'pragma synchronous = full',
      'pragma synchronous = normal',
    ])
  })

  it.each([
    ['an input/output error', 1034],
    ['a full disk', 13],
  ])('rejects the whole group when its commit meets %s, and opens the file anew', async (_, code) => {
    const { put, fault, keys, opens } = world()
    await put('before')
    fault.at = 'commit'
    fault.error = sqliteError(code, 'the device failed')
    const results = await Promise.allSettled([put('a'), put('b')])
    expect(results.map((result) => result.status === 'rejected' && result.reason.code)).toEqual([
      'STORE_FAILED',
      'STORE_FAILED',
    ])
    await put('after')
    expect(opens()).toBe(2)
    expect(keys()).toEqual(['after', 'before'])
  })

  it('rejects the whole group when the database is full in the middle of one batch', async () => {
    const { put, open, writer, keys } = world()
    await put('before')
    const { connections } = open()
    const pages = Number(connections.reader.prepare('pragma page_count').get()?.['page_count'])
    connections.writer.exec(`pragma max_page_count = ${pages + 1}`)
    const big = writer.submit((s) => s.batch([{ sql: INSERT, args: ['x'.repeat(100_000)] }]), true)
    const results = await Promise.allSettled([put('beside'), big])
    expect(results.map((result) => result.status === 'rejected' && result.reason.code)).toEqual([
      'STORE_FAILED',
      'STORE_FAILED',
    ])
    expect(keys()).toEqual(['before'])
    await put('after')
    expect(keys()).toEqual(['after', 'before'])
  })

  it('waits for the lock of another connection, and reads meanwhile', async () => {
    const { put, path, keys } = world()
    await put('before')
    const other = openConnections(path)
    onTestFinished(() => other.close())
    other.writer.exec('begin immediate')
    const waiting = put('waiting')
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(keys()).toEqual(['before'])
    other.writer.exec('commit')
    await waiting
    expect(keys()).toEqual(['before', 'waiting'])
  })

  it('gives up with STORE_BUSY when the lock never comes free, having written nothing', async () => {
    const { put, path, keys } = world(30)
    await put('before')
    const other = openConnections(path)
    onTestFinished(() => other.close())
    other.writer.exec('begin immediate')
    await expect(put('waiting')).rejects.toMatchObject({ code: 'STORE_BUSY' })
    other.writer.exec('rollback')
    expect(keys()).toEqual(['before'])
    await put('after')
  })
})
