// The rules that every store keeps, as cases for any test runner; must never rely on which engine a store uses.
import assert from 'node:assert/strict'
import { type ContractCase, contractCase, type TestWorkspace } from 'cloned/testing'
import { type Store, storeSlot } from './slot.js'

/** A store under test, empty but for what it keeps of its own. */
export interface StoreSubject {
  readonly store: Store
  /** Closes the store and opens it again on the same storage. */
  reopen(): Promise<Store>
  /** Moves the store's clock on. */
  advance(ms: number): void
  /** Ends the store and removes what it stored. Called after every case. */
  close(): Promise<void>
}

const STEPS = [['create table counters (name text primary key, used bigint not null, cap bigint not null)']]
const COUNTERS = 'select name, used from counters order by name'

/** The contract of slot `cloned.store`. `make` is called once per case and answers a fresh store. */
export function storeSuite(make: () => Promise<StoreSubject>): readonly ContractCase[] {
  const prepared = async () => {
    const subject = await make()
    await subject.store.migrate('test.owner', STEPS)
    return subject
  }
  const rule: Rule = (name, check) => contractCase(name, prepared, check)
  return [...batches(rule), ...steps(rule), ...wakes(rule)]
}

/** The store that stands in the slot of a fresh workspace. */
export function storeSubject({ kernel, reopen, advance, close }: TestWorkspace): StoreSubject {
  return {
    store: kernel.service(storeSlot),
    reopen: async () => (await reopen()).service(storeSlot),
    advance,
    close,
  }
}

type Rule = (name: string, check: (subject: StoreSubject) => Promise<void>) => ContractCase

const add = (name: string, cap = 10) => ({
  sql: 'insert into counters (name, used, cap) values ($1, 0, $2)',
  args: [name, cap],
  expect: 1,
})
const take = (name: string, n = 1) => ({
  sql: 'update counters set used = used + $2 where name = $1 and used + $2 <= cap returning used',
  args: [name, n],
  expect: 1,
})

function batches(rule: Rule): readonly ContractCase[] {
  return [
    rule('a batch is all or nothing', async ({ store }) => {
      await conflicts(store.write([add('a'), take('missing')]))
      assert.deepEqual(await rows(store), [])
    }),
    rule('answers the returned rows of each statement, in order', async ({ store }) => {
      const answer = await store.write([add('a'), take('a', 2), take('a', 3)])
      assert.equal(answer.length, 3)
      assert.deepEqual(
        answer.map((returned) => returned.map((row) => Number(row['used']))),
        [[], [2], [5]],
      )
    }),
    rule('a batch that conflicts fails alone among those of one moment', async ({ store }) => {
      await store.write([add('a')])
      const results = await Promise.allSettled([
        store.write([take('a')]),
        store.write([take('a'), take('missing')]),
        store.write([take('a')]),
        store.write([add('a')]),
        store.write([add('b')]),
      ])
      assert.deepEqual(
        results.map(({ status }) => status),
        ['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled'],
      )
      assert.deepEqual(await rows(store), ['a=2', 'b=0'])
    }),
    rule('racing takes never go over a cap', async ({ store }) => {
      await store.write([add('a', 7)])
      const results = await Promise.allSettled(Array.from({ length: 20 }, () => store.write([take('a')])))
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 7)
      assert.deepEqual(await rows(store), ['a=7'])
    }),
    rule('a read sees what was written before, relaxed or durable', async ({ store }) => {
      await store.write([add('a')], { durable: false })
      assert.deepEqual(await rows(store), ['a=0'])
      await store.write([take('a')])
      assert.deepEqual(await rows(store), ['a=1'])
    }),
    rule('a read cannot write', async ({ store }) => {
      await store.write([add('a')])
      await assert.rejects(store.all('delete from counters'))
      await assert.rejects(store.all('insert into counters (name, used, cap) values ($1, 0, 0)', 'b'))
      assert.deepEqual(await rows(store), ['a=0'])
    }),
    rule('no statement ends the transaction of the others', async ({ store }) => {
      for (const sql of ['commit', 'rollback', 'begin', 'savepoint x', 'COMMIT']) {
        const results = await Promise.allSettled([
          store.write([add('a')]),
          store.write([{ sql }]),
          store.write([add('a'), take('missing')]),
        ])
        assert.deepEqual(results.map(({ status }) => status).slice(1), ['rejected', 'rejected'], sql)
        await store.write([{ sql: 'delete from counters', expect: 1 }])
      }
    }),
    rule('refuses a wrong number of arguments and values that SQL cannot hold', async ({ store }) => {
      const sql = 'insert into counters (name, used, cap) values ($1, $2, 1)'
      for (const args of [[], ['a'], ['a', 1, 2], ['a', Number.NaN], ['a', Number.POSITIVE_INFINITY]]) {
        await assert.rejects(store.write([{ sql, args }]))
      }
      assert.deepEqual(await rows(store), [])
    }),
    rule('what was acknowledged is there after reopening', async ({ store, reopen }) => {
      await store.write([add('a'), take('a', 4)])
      await store.write([add('b')], { durable: false })
      assert.deepEqual(await rows(await reopen()), ['a=4', 'b=0'])
    }),
  ]
}

function steps(rule: Rule): readonly ContractCase[] {
  const next = ['alter table counters add column note text', "update counters set note = 'old'"]
  return [
    rule('steps are applied once, and later ones on top', async ({ store }) => {
      await store.write([add('a')])
      await store.migrate('test.owner', STEPS)
      await store.migrate('test.owner', [...STEPS, next])
      await store.migrate('test.owner', [...STEPS, next])
      assert.deepEqual(
        (await store.all('select note from counters')).map((row) => row['note']),
        ['old'],
      )
    }),
    rule('a column that a step adds is among all columns at once', async ({ store }) => {
      await store.write([add('a')])
      await store.migrate('test.owner', STEPS)
      const all = () => store.all('select * from counters where name = $1', 'a')
      assert.ok(!('note' in ((await all())[0] ?? {})))
      await store.migrate('test.owner', [...STEPS, next])
      assert.equal((await all())[0]?.['note'], 'old')
    }),
    rule('a step that fails leaves nothing of itself', async ({ store }) => {
      await assert.rejects(store.migrate('test.owner', [...STEPS, [...next, 'create table counters (x text)']]))
      await assert.rejects(store.all('select note from counters'))
      await store.migrate('test.owner', [...STEPS, next])
    }),
    rule('refuses to run beside steps that it does not know', async ({ store }) => {
      await store.migrate('test.owner', [...STEPS, next])
      await assert.rejects(store.migrate('test.owner', STEPS), { code: 'STORE_NEWER' })
    }),
    rule('refuses a published step that has changed', async ({ store }) => {
      const changed = [['create table counters (name text)']]
      await assert.rejects(store.migrate('test.owner', changed), { code: 'STORE_STEP_CHANGED' })
      await assert.rejects(store.migrate('test.owner', [...changed, next]), { code: 'STORE_STEP_CHANGED' })
    }),
    rule('owners do not see each other', async ({ store }) => {
      await store.migrate('test.other', [['create table others (name text primary key)']])
      await store.migrate('test.owner', STEPS)
    }),
  ]
}

function wakes(rule: Rule): readonly ContractCase[] {
  const wake = (key: string, at?: number) => ({ wakes: [{ queue: 'q', key, ...(at === undefined ? {} : { at }) }] })
  return [
    rule('a wake runs its handler after the batch is there', async ({ store }) => {
      const seen: string[][] = []
      store.work('q', async () => {
        seen.push(await rows(store))
      })
      await store.write([add('a')], wake('k'))
      await store.drainWork()
      assert.deepEqual(seen, [['a=0']])
    }),
    rule('a batch that conflicts leaves no wake', async ({ store }) => {
      const seen: string[] = []
      store.work('q', async (key) => void seen.push(key))
      await conflicts(store.write([take('missing')], wake('k')))
      await store.drainWork()
      assert.deepEqual(seen, [])
    }),
    rule('wakes of one key are one; a later one moves it', async ({ store, advance }) => {
      const seen: string[] = []
      const now = await store.now()
      await store.write([], wake('k', now))
      await store.write([], wake('k', now + 1000))
      store.work('q', async (key) => void seen.push(key))
      await store.drainWork()
      assert.deepEqual(seen, [])
      advance(1000)
      await store.drainWork()
      await store.drainWork()
      assert.deepEqual(seen, ['k'])
    }),
    rule(
      'a key is never handled twice at once, and a wake written meanwhile leads to another run',
      async ({ store }) => {
        let running = 0
        let most = 0
        let runs = 0
        store.work('q', async () => {
          most = Math.max(most, ++running)
          if (++runs < 4) await store.write([], wake('k'))
          running--
        })
        await store.write([], wake('k'))
        await store.drainWork()
        assert.deepEqual({ most, runs }, { most: 1, runs: 4 })
      },
    ),
    rule('a wake whose handler throws stays for later', async ({ store, advance }) => {
      let runs = 0
      store.work('q', async () => {
        if (++runs === 1) throw new Error('not now')
      })
      await store.write([], wake('k'))
      await store.drainWork()
      assert.equal(runs, 1)
      advance(3_600_000)
      await store.drainWork()
      await store.drainWork()
      assert.equal(runs, 2)
    }),
    rule('a wake outlives the store', async ({ store, reopen }) => {
      await store.write([], wake('k'))
      const again = await reopen()
      const seen: string[] = []
      again.work('q', async (key) => void seen.push(key))
      await again.drainWork()
      assert.deepEqual(seen, ['k'])
    }),
    rule('a wake without a handler here stays', async ({ store }) => {
      await store.write([], wake('k'))
      await store.drainWork()
      const seen: string[] = []
      store.work('q', async (key) => void seen.push(key))
      await store.drainWork()
      assert.deepEqual(seen, ['k'])
    }),
  ]
}

async function rows(store: Store): Promise<string[]> {
  return (await store.all(COUNTERS)).map((row) => `${row['name']}=${row['used']}`)
}

async function conflicts(promise: Promise<unknown>): Promise<void> {
  await assert.rejects(promise, { code: 'STORE_CONFLICT' })
}
