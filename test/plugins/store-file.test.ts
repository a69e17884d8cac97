import { existsSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { openDatabase } from 'cloned/kernel'
import { createStore } from 'cloned/plugins/store'
import { describe, expect, it } from 'vitest'
import { integrityCheck } from '../../plugins/store/check.js'
import { clock, opened, temporary } from './store-fixture.js'

const place = () => join(temporary(), 'state.db')

async function refused(path: string) {
  const store = createStore({ path, now: clock().now })
  await expect(store.open()).rejects.toMatchObject({ code: 'STORE_UNUSABLE', exit: 6 })
  await store.close()
}

describe('the file of the store', () => {
  it('is readable by its owner alone, with everything beside it, whatever the umask', async () => {
    const path = place()
    const before = process.umask(0)
    try {
      const store = await opened(path)
      await store.write([], { wakes: [{ queue: 'q', key: 'k' }] })
      for (const file of [path, `${path}-wal`, `${path}-shm`]) expect(statSync(file).mode & 0o777, file).toBe(0o600)
    } finally {
      process.umask(before)
    }
  })

  it.each([
    [
      'text',
      (path: string) => writeFileSync(path, 'not a database, but longer than the header of one would be'.repeat(20)),
    ],
    ['nothing', (path: string) => writeFileSync(path, '')],
    ['a directory', (path: string) => rmSync(path, { force: true, recursive: true })],
    ['a database of something else', (path: string) => foreign(path)],
  ])('refuses %s and leaves it as it is', async (what, make) => {
    const path = place()
    make(path)
    if (what === 'a directory') {
      await refused(dirname(path))
      return
    }
    const before = readFileSync(path)
    await refused(path)
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  it('refuses a symbolic link, also one that leads to a store', async () => {
    const path = place()
    await (await opened(path)).close()
    const link = join(temporary(), 'state.db')
    symlinkSync(path, link)
    await refused(link)
    const dangling = join(temporary(), 'state.db')
    symlinkSync(join(temporary(), 'nowhere'), dangling)
    await refused(dangling)
  })

  it('refuses to begin anew beside the log of a lost file', async () => {
    const path = place()
    writeFileSync(`${path}-wal`, 'pages of the lost file')
    await refused(path)
    expect(existsSync(path)).toBe(false)
  })

  it.each([4096, 100, 1])('refuses a file cut to %i bytes', async (size) => {
    const path = place()
    const store = await opened(path)
    await store.migrate('test.owner', [['create table big (x text)']])
    await store.write([{ sql: 'insert into big (x) values ($1)', args: ['x'.repeat(50_000)] }])
    await store.close()
    for (const suffix of ['-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true })
    truncateSync(path, size)
    await refused(path)
    expect(statSync(path).size).toBe(size)
  })

  it('is not made twice by two who open it at once', async () => {
    const path = place()
    const stores = await Promise.all(Array.from({ length: 4 }, () => opened(path)))
    await stores[0]?.write([], { wakes: [{ queue: 'q', key: 'k' }] })
    const seen: string[] = []
    stores[3]?.work('q', async (key) => void seen.push(key))
    await stores[3]?.drainWork()
    expect(seen).toEqual(['k'])
  })

  it('is not made in a directory that does not exist', async () => {
    await refused(join(temporary(), 'missing', 'state.db'))
  })

  it('is closed for good: every method rejects, before opening and after closing', async () => {
    const store = createStore({ path: place(), now: clock().now })
    const closed = { code: 'STORE_CLOSED' }
    await expect(store.all('select 1')).rejects.toMatchObject(closed)
    await store.open()
    const last = store.write([], { wakes: [{ queue: 'q', key: 'k' }] })
    await store.close()
    await last
    await store.close()
    await expect(store.all('select 1')).rejects.toMatchObject(closed)
    await expect(store.write([])).rejects.toMatchObject(closed)
    await expect(store.migrate('a', [])).rejects.toMatchObject(closed)
    await expect(store.drainWork()).rejects.toMatchObject(closed)
    await expect(store.open()).rejects.toMatchObject(closed)
  })

  it('has its damage found by doctor', async () => {
    const path = place()
    const store = await opened(path)
    expect(await integrityCheck(store).run()).toMatchObject({ level: 'ok' })
    await store.migrate('test.owner', [['create table big (x text)', 'create index big_x on big (x)']])
    for (let i = 0; i < 50; i++)
      await store.write([{ sql: 'insert into big (x) values ($1)', args: [`${i}`.repeat(400)] }])
    await store.close()
    const bytes = readFileSync(path)
    bytes.fill(0xff, bytes.byteLength - 8192)
    writeFileSync(path, bytes)
    const again = await opened(path)
    expect(await integrityCheck(again).run()).toMatchObject({ level: 'fail', fix: expect.stringContaining('restore') })
  })
})

function foreign(path: string): void {
  const database = openDatabase(path)
  database.exec('create table theirs (x)')
  database.close()
}
