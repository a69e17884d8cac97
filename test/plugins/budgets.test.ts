import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { BudgetCap } from '../../plugins/policy/slot.js'
import { type BudgetsWorld, budgetsWorld, callOf, HOUR, refOf, START } from './budgets-fixture.js'

const CALLS: BudgetCap = { category: 'calls', limit: 2, windowMs: HOUR }
const USD: BudgetCap = { category: 'usd', limit: 1, windowMs: HOUR }

let world: BudgetsWorld
beforeAll(async () => {
  world = await budgetsWorld()
})
afterAll(() => world.close())
beforeEach(() => {
  world.levers.caps = [CALLS]
})
afterEach(() => world.clear())

async function used(): Promise<number[]> {
  return (await world.usage()).map((budget) => budget.used)
}

async function take(callId: string, call = callOf()): Promise<boolean> {
  return (await world.reserve.take(refOf(callId), call)).ok
}

describe('which caps a call falls under', () => {
  const rows: readonly [name: string, cap: BudgetCap, cost: Record<string, number>, used: number][] = [
    ['a call counts 1 of calls', CALLS, {}, 1],
    ['a tool cannot set its own price in calls', CALLS, { calls: 0 }, 1],
    ['a declared cost counts in its category', USD, { usd: 0.25 }, 0.25],
    ['a tool without the category costs nothing there', USD, { tokens: 5 }, 0],
    ['a name that every object has is no category', { ...USD, category: 'constructor' }, {}, 0],
    ['the smallest cost counts at least a millionth', USD, { usd: 1e-12 }, 0.000001],
    ['a matching pattern counts', { ...CALLS, tools: ['test.*'] }, {}, 1],
    ['a pattern for another tool does not count', { ...CALLS, tools: ['other.*'] }, {}, 0],
    ['no pattern matches nothing', { ...CALLS, tools: [] }, {}, 0],
  ]
  it.each(rows)('%s', async (_, cap, cost, expected) => {
    world.levers.caps = [cap]
    expect(await take('c1', callOf(cost))).toBe(true)
    expect(await used()).toEqual([expected])
  })

  it('leaves the store alone when no cap matches', async () => {
    world.levers.caps = [USD]
    world.touched()
    expect(await world.reserve.take(refOf('c1'), callOf())).toEqual({ ok: true, token: null })
    expect(await world.reserve.peek(callOf())).toEqual({ ok: true, token: null })
    expect(world.touched()).toBe(0)
  })

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY, 1e300])('refuses a tool whose cost is %s', async (cost) => {
    world.levers.caps = [USD]
    await expect(world.reserve.take(refOf('c1'), callOf({ usd: cost }))).rejects.toThrow(/declares a cost/)
    expect(await used()).toEqual([0])
  })

  it('keeps the lowest of several limits on one thing, and counts once', async () => {
    world.levers.caps = [
      { ...CALLS, limit: 9 },
      { ...CALLS, limit: 1 },
      { ...CALLS, limit: 5 },
    ]
    expect([await take('c1'), await take('c2')]).toEqual([true, false])
    expect(await world.usage()).toMatchObject([{ limit: 1, used: 1 }])
  })
})

describe('taking', () => {
  it('refuses what does not fit, and says which budget, how full, and until when', async () => {
    await take('c1')
    await take('c2')
    const answer = await world.reserve.take(refOf('c3'), callOf())
    expect(answer).toMatchObject({ ok: false, code: 'BUDGET_EXCEEDED' })
    const text = JSON.stringify(answer)
    for (const part of ['calls', '2 of 2', '1 h', new Date(START + HOUR).toISOString(), 'personal.yaml']) {
      expect(text).toContain(part)
    }
    expect(await used()).toEqual([2])
  })

  it('takes from every cap or from none', async () => {
    world.levers.caps = [{ ...CALLS, limit: 100 }, USD]
    const call = callOf({ usd: 0.6 })
    expect([await take('c1', call), await take('c2', call), await take('c3', callOf({ usd: 0.4 }))]).toEqual([
      true,
      false,
      true,
    ])
    expect(await used()).toEqual([2, 1])
  })

  it('adds fractions up exactly', async () => {
    world.levers.caps = [USD]
    const taken: boolean[] = []
    for (let i = 0; i < 11; i++) taken.push(await take(`c${i}`, callOf({ usd: 0.1 })))
    expect(taken).toEqual([...Array(10).fill(true), false])
    expect(await used()).toEqual([1])
  })

  it('refuses a call that costs more than the limit even when nothing is used', async () => {
    world.levers.caps = [USD]
    expect(await take('c1', callOf({ usd: 1.000001 }))).toBe(false)
    expect(await take('c2', callOf({ usd: 1 }))).toBe(true)
  })

  it('takes once for one call, and answers the same token', async () => {
    const first = await world.reserve.take(refOf('c1'), callOf())
    expect(await world.reserve.take(refOf('c1'), callOf())).toEqual(first)
    expect(await used()).toEqual([1])
  })

  it('takes nothing again for a call that is settled', async () => {
    await take('c1')
    await world.reserve.settle('c1', 'release')
    expect(await take('c1')).toBe(false)
    expect(await used()).toEqual([0])
  })

  it('looks without taking', async () => {
    const before = await world.reserve.peek(callOf())
    expect(await used()).toEqual([0])
    expect(await world.reserve.take(refOf('c1'), callOf())).toEqual(before)
    await take('c2')
    expect(await world.reserve.peek(callOf())).toMatchObject({ ok: false, code: 'BUDGET_EXCEEDED' })
  })

  it('keeps what was used when the limit changes', async () => {
    await take('c1')
    world.levers.caps = [{ ...CALLS, limit: 1 }]
    expect(await take('c2')).toBe(false)
    world.levers.caps = [{ ...CALLS, limit: 3 }]
    expect([await take('c3'), await take('c4'), await take('c5')]).toEqual([true, true, false])
  })
})

describe('windows', () => {
  it('begin at multiples of their length', async () => {
    world.levers.now = START + 1234
    expect(await world.usage()).toMatchObject([{ windowStart: START }])
  })

  it('end at the moment the next one begins', async () => {
    await take('c1')
    await take('c2')
    world.levers.now = START + HOUR - 1
    expect(await take('c3')).toBe(false)
    world.levers.now = START + HOUR
    expect(await take('c4')).toBe(true)
  })

  it('are not given again by a clock that steps back, or ahead and back', async () => {
    const times = [0, HOUR, -HOUR, 1000 * 24 * HOUR]
    const given = new Map<number, number>()
    for (let round = 0; round < 3; round++) {
      for (const offset of times) {
        world.levers.now = START + offset
        for (let i = 0; i < 3; i++) {
          const callId = `c${round}.${offset}.${i}`
          if (!(await take(callId))) continue
          given.set(offset, (given.get(offset) ?? 0) + 1)
          await world.reserve.settle(callId, 'commit')
        }
      }
    }
    expect([...given.values()]).toEqual([2, 2, 2, 2])
  })

  it('get back what is released, in the window it was taken from', async () => {
    await take('c1')
    world.levers.now = START + HOUR
    await take('c2')
    await world.reserve.settle('c1', 'release')
    expect(await used()).toEqual([1])
    world.levers.now = START
    expect(await used()).toEqual([0])
  })
})

describe('settling', () => {
  it('happens once: the first way stands', async () => {
    await take('c1')
    await take('c2')
    for (const how of ['commit', 'release', 'release'] as const) await world.reserve.settle('c1', how, 5)
    for (const how of ['release', 'release', 'commit'] as const) await world.reserve.settle('c2', how, 6)
    expect(await used()).toEqual([1])
  })

  it('is told apart by kernel instance', async () => {
    world.levers.caps = [{ ...CALLS, limit: 9 }]
    await world.reserve.take(refOf('c1', 'i1'), callOf())
    await world.reserve.take(refOf('c2', 'i1'), callOf())
    await world.reserve.take(refOf('c3', 'i2'), callOf())
    await world.reserve.settle('c2', 'commit', 12)
    expect(await world.reserve.unsettled('i1')).toEqual(['c1'])
    expect(await world.reserve.unsettled('i2')).toEqual(['c3'])
    await world.reserve.settle('c1', 'release', 11)
    await world.reserve.settle('c3', 'release')
    expect(await world.reserve.settledUpTo('i1')).toBe(12)
    expect(await world.reserve.settledUpTo('i2')).toBe(0)
  })

  it('of a call that took nothing counts nothing', async () => {
    await world.reserve.settle('nobody', 'commit', 3)
    await world.reserve.settle('nobody', 'release', 3)
    expect(await world.reserve.settledUpTo('i1')).toBe(0)
    expect(await used()).toEqual([0])
  })

  it('before a take that comes late leaves that take nothing', async () => {
    const late = world.reserve.settle('c1', 'release').then(() => take('c1'))
    expect(await late).toBe(false)
    expect(await used()).toEqual([0])
    expect(await world.reserve.unsettled('i1')).toEqual([])
  })
})

describe('restoring', () => {
  it('counts a lost take once, over the limit too', async () => {
    const answer = await world.reserve.take(refOf('c1'), callOf())
    const token = answer.ok ? answer.token : null
    await take('c2')
    await world.reserve.restore(refOf('lost'), token)
    await world.reserve.restore(refOf('lost'), token)
    await world.reserve.restore(refOf('c1'), token)
    expect(await used()).toEqual([3])
    expect(await world.reserve.unsettled('i1')).toEqual(['c1', 'c2', 'lost'])
    await world.reserve.settle('lost', 'release', 4)
    await world.reserve.restore(refOf('lost'), token)
    expect(await used()).toEqual([2])
  })

  it('of nothing is nothing', async () => {
    await world.reserve.restore(refOf('c1'), null)
    expect(await world.reserve.unsettled('i1')).toEqual([])
  })

  const junk = [
    true,
    'x',
    {},
    [null],
    [{}],
    [{ cap: 'a', window: 0, millionths: -1 }],
    [{ cap: 1, window: 0, millionths: 1 }],
  ]
  it.each(junk)('refuses a token of another shape: %j', async (token) => {
    await expect(world.reserve.restore(refOf('c1'), token)).rejects.toThrow(TypeError)
    expect(await world.reserve.unsettled('i1')).toEqual([])
  })
})
