import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startChild } from '../child.js'
import { opened, temporary } from './store-fixture.js'

const LONG = process.env['CLONED_LONG'] === '1'

function start(...args: Parameters<typeof startChild>) {
  const child = startChild(...args)
  onTestFinished(() => child.kill())
  return child
}

async function counter(path: string, cap: number) {
  const store = await opened(path)
  await store.migrate('test.counter', [
    ['create table counter (name text primary key, used bigint not null, cap bigint not null)'],
  ])
  await store.write([{ sql: 'insert into counter (name, used, cap) values ($1, 0, $2)', args: ['n', cap] }])
  return { store, used: async () => Number((await store.all('select used from counter'))[0]?.['used']) }
}

describe('a store among processes', () => {
  it('gives eight processes at once exactly what the cap allows, and loses no answer', async () => {
    const path = join(temporary(), 'state.db')
    const cap = LONG ? 2_000 : 200
    const { used } = await counter(path, cap)
    const each = String(cap / 4)
    const answers = await Promise.all(Array.from({ length: 8 }, () => start('store-writer', path, each, '8').rest()))
    const all = answers.flat()
    expect(all.filter((line) => line === 'taken')).toHaveLength(cap)
    expect(all.filter((line) => line === 'STORE_CONFLICT')).toHaveLength(cap)
    expect(all).toHaveLength(2 * cap)
    expect(await used()).toBe(cap)
  })

  it('keeps every acknowledged batch of a process that is killed', async () => {
    const path = join(temporary(), 'state.db')
    const { used, store } = await counter(path, 1_000_000)
    let acknowledged = 0
    for (let round = 0; round < (LONG ? 20 : 3); round++) {
      const child = start('store-writer', path, '1000000', '4')
      const said = 20 + 30 * round
      for (let i = 0; i < said; i++) expect(await child.line()).toBe('taken')
      await child.kill()
      acknowledged += said + (await child.rest()).filter((line) => line === 'taken').length
      expect(await used()).toBeGreaterThanOrEqual(acknowledged)
      // What was committed and not yet said: at most what was in flight.
      expect(await used()).toBeLessThanOrEqual(acknowledged + 4)
      acknowledged = await used()
    }
    expect(await store.inspect()).toEqual([])
  })

  it('takes over the wakes of a holder that is killed, and only then', async () => {
    const path = join(temporary(), 'state.db')
    const store = await opened(path)
    const seen: string[] = []
    store.work('q', async (key) => void seen.push(key))
    const child = start('wake-holder', path)
    expect(await child.line()).toBe('handling k')
    await store.drainWork()
    expect(seen).toEqual([])
    await child.kill()
    await store.drainWork()
    expect(seen).toEqual(['k'])
    await store.close()
    expect(readdirSync(join(dirname(path), 'workers'))).toEqual([])
  })
})
