import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { clock, opened, temporary } from './store-fixture.js'

const wake = (...keys: string[]) => ({ wakes: keys.map((key) => ({ queue: 'q', key })) })

/** A promise and the means to end it. */
function gate() {
  let open: () => void = () => {}
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { passed, open: () => open() }
}

describe('wakes', () => {
  it('are handled here after the commit, without being asked for', async () => {
    const store = await opened(join(temporary(), 'state.db'))
    const { passed, open } = gate()
    store.work('q', async () => open())
    await store.write([], wake('k'))
    await passed
    await store.drainWork()
    expect(await store.all('select * from store_wakes')).toEqual([])
  })

  it('of others are left alone until somebody drains', async () => {
    const path = join(temporary(), 'state.db')
    const [writer, worker] = [await opened(path), await opened(path)]
    const seen: string[] = []
    worker.work('q', async (key) => void seen.push(key))
    await writer.write([], wake('theirs'))
    await worker.write([], wake('mine'))
    await expect.poll(() => seen).toEqual(['mine'])
    await worker.drainWork()
    expect(seen).toEqual(['mine', 'theirs'])
  })

  it('claimed by a living holder are run by nobody else, and run again when written meanwhile', async () => {
    const path = join(temporary(), 'state.db')
    const [a, b] = [await opened(path), await opened(path)]
    const { passed, open } = gate()
    const begun = gate()
    let runs = 0
    a.work('q', async () => {
      runs++
      begun.open()
      await passed
    })
    b.work('q', () => Promise.reject(new Error('b must not handle it')))
    await a.write([], wake('k'))
    await begun.passed
    await b.drainWork()
    await b.write([], wake('k'))
    await b.drainWork()
    expect(runs).toBe(1)
    open()
    await a.drainWork()
    expect(runs).toBe(2)
  })

  it('that fail come back later and later, are logged, and never spin', async () => {
    const { now, advance } = clock()
    const logged: string[] = []
    const log = { error: (message: string) => void logged.push(message) }
    const store = await opened(join(temporary(), 'state.db'), { now, log })
    let runs = 0
    store.work('q', async () => {
      runs++
      throw new Error('no')
    })
    await store.write([], wake('k'))
    await store.drainWork()
    for (const [ms, expected] of [
      [999, 1],
      [1, 2],
      [1_999, 2],
      [1, 3],
      [3_999, 3],
      [1, 4],
    ] as const) {
      advance(ms)
      await store.drainWork()
      expect(runs, `after ${ms} ms more`).toBe(expected)
    }
    expect(logged).toHaveLength(4)
  })

  it('are handled at most sixteen at once', async () => {
    const store = await opened(join(temporary(), 'state.db'))
    let running = 0
    let most = 0
    let runs = 0
    store.work('q', async () => {
      most = Math.max(most, ++running)
      await store.all('select 1')
      running--
      runs++
    })
    await store.write([], wake(...Array.from({ length: 100 }, (_, i) => `k${i}`)))
    await store.drainWork()
    expect(runs).toBe(100)
    expect(most).toBeLessThanOrEqual(16)
  })

  it('are given back by a store that closes while it handles them', async () => {
    const path = join(temporary(), 'state.db')
    const a = await opened(path)
    const begun = gate()
    a.work('q', (_, life) => {
      begun.open()
      return new Promise((_, reject) => life.addEventListener('abort', () => reject(new Error('stopped'))))
    })
    await a.write([], wake('k'))
    await begun.passed
    await a.close()
    expect(readdirSync(join(dirname(path), 'workers'))).toEqual([])
    const b = await opened(path)
    const seen: string[] = []
    b.work('q', async (key) => void seen.push(key))
    await b.drainWork()
    expect(seen).toEqual(['k'])
  })

  it('have one handler per queue', async () => {
    const store = await opened(join(temporary(), 'state.db'))
    store.work('q', async () => {})
    expect(() => store.work('q', async () => {})).toThrow(expect.objectContaining({ code: 'STORE_QUEUE_TAKEN' }))
  })
})
