import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Commits } from '../../plugins/budgets/commits.js'
import { createBudgets } from '../../plugins/budgets/create.js'
import type { Statement } from '../../plugins/store/slot.js'
import { type BudgetsWorld, budgetsWorld, callOf, HOUR, refOf, START, snapshotWith } from './budgets-fixture.js'

const FOR_EVER = 2 ** 30
const statement = (n: number): Statement => ({ sql: `update t set n = ${n}` })

/** A store whose writes end when told, and how. */
function told() {
  const written: string[][] = []
  const ends: ((error?: Error) => void)[] = []
  const write = (batch: readonly Statement[]) => {
    written.push(batch.map(({ sql }) => sql.slice('update t set n = '.length)))
    return new Promise<void>((resolve, reject) => ends.push((error) => (error ? reject(error) : resolve())))
  }
  return { written, write, end: (error?: Error) => ends.shift()?.(error) }
}

describe('settlements of calls that were paid for', () => {
  it('are written together, in their order, and none is settled before they are', async () => {
    const { written, write, end } = told()
    const commits = new Commits(write, FOR_EVER)
    const settled: number[] = []
    const all = [1, 2, 3].map((n) => commits.add([statement(n), statement(n * 10)]).then(() => settled.push(n)))
    expect(written).toEqual([])
    commits.hurry()
    expect(written).toEqual([['1', '10', '2', '20', '3', '30']])
    await new Promise(setImmediate)
    expect(settled).toEqual([])
    end()
    await Promise.all(all)
    expect(settled).toEqual([1, 2, 3])
  })

  it('wait for no others once the time to gather is over', async () => {
    const { written, write, end } = told()
    const commits = new Commits(write, 1)
    const first = commits.add([statement(1)])
    while (written.length === 0) await new Promise(setImmediate)
    expect(written).toEqual([['1']])
    end()
    await first
  })

  it('wait for no others when many wait, nor from the stop on', () => {
    const { written, write } = told()
    const commits = new Commits(write, FOR_EVER)
    for (let n = 0; n < 257; n++) void commits.add([statement(n)])
    expect(written.map(({ length }) => length)).toEqual([256])
    commits.hurry()
    void commits.add([statement(300)])
    expect(written.map(({ length }) => length)).toEqual([256, 1, 1])
  })

  it('that fail together can each be tried again', async () => {
    const { written, write, end } = told()
    const commits = new Commits(write, FOR_EVER)
    const both = [commits.add([statement(1)]), commits.add([statement(2)])]
    commits.hurry()
    end(new Error('disk'))
    for (const each of both) await expect(each).rejects.toThrow('disk')
    const again = commits.add([statement(2)])
    end()
    await again
    expect(written).toEqual([['1', '2'], ['2']])
  })
})

describe('budgets that gather settlements', () => {
  let world: BudgetsWorld
  beforeEach(async () => {
    world = await budgetsWorld([])
  })
  afterEach(() => world.close())

  const caps = [{ category: 'calls', windowMs: HOUR, limit: 3 }]
  const gathering = () =>
    createBudgets({
      store: world.store,
      policy: { snapshot: () => snapshotWith(caps) },
      now: () => START,
      gatherMs: FOR_EVER,
    })

  it('count what is taken at once, whatever waits to be settled', async () => {
    const { reserve, hurry } = gathering()
    const settling: Promise<void>[] = []
    for (const id of ['c1', 'c2', 'c3']) {
      expect(await reserve.take(refOf(id), callOf({}))).toMatchObject({ ok: true })
      settling.push(reserve.settle(id, 'commit', settling.length + 1))
    }
    expect(await reserve.take(refOf('c4'), callOf({}))).toMatchObject({ ok: false, code: 'BUDGET_EXCEEDED' })
    expect(await reserve.unsettled('i1')).toEqual(['c1', 'c2', 'c3'])
    hurry()
    await Promise.all(settling)
    expect([await reserve.unsettled('i1'), await reserve.settledUpTo('i1')]).toEqual([[], 3])
  })

  it('give back at once what was not used', async () => {
    const { reserve } = gathering()
    for (const id of ['c1', 'c2', 'c3']) await reserve.take(refOf(id), callOf({}))
    await reserve.settle('c2', 'release', 2)
    expect(await reserve.take(refOf('c4'), callOf({}))).toMatchObject({ ok: true })
  })

  it('settle what another process took without waiting', async () => {
    const dead = gathering()
    for (const id of ['c1', 'c2']) await dead.reserve.take(refOf(id), callOf({}))
    const { reserve } = gathering()
    for (const [n, id] of ['c1', 'c2'].entries()) await reserve.settle(id, 'commit', n + 1)
    expect([await reserve.unsettled('i1'), await reserve.settledUpTo('i1')]).toEqual([[], 2])
  })

  it('are owed, and no fault of the process, where the store throws at once', async () => {
    const throwing = createBudgets({
      store: {
        ...world.store,
        write: (...given) => {
          if (given[0].some(({ sql }) => sql.includes("'committed'") || sql.includes('budget_settled')))
            throw new Error('store says no')
          return world.store.write(...given)
        },
      },
      policy: { snapshot: () => snapshotWith(caps) },
      now: () => START,
      gatherMs: 1,
    })
    await throwing.reserve.take(refOf('c1'), callOf({}))
    await expect(throwing.reserve.settle('c1', 'commit', 1)).rejects.toThrow('store says no')
  })

  it('leave to recovery what the process did not live to write', async () => {
    const dying = gathering()
    await dying.reserve.take(refOf('c1'), callOf({}))
    void dying.reserve.settle('c1', 'commit', 7)
    const { reserve } = gathering()
    expect([await reserve.unsettled('i1'), await reserve.settledUpTo('i1')]).toEqual([['c1'], 0])
    const settled = gathering()
    const done = settled.reserve.settle('c1', 'commit', 7)
    settled.hurry()
    await done
    expect([await reserve.unsettled('i1'), await reserve.settledUpTo('i1')]).toEqual([[], 7])
    dying.hurry()
  })
})
