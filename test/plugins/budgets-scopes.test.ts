import type { Actor } from 'cloned/kernel'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { BudgetCap } from '../../plugins/policy/slot.js'
import { startChild } from '../child.js'
import { type BudgetsWorld, budgetsWorld, callOf, HOUR, refOf, START } from './budgets-fixture.js'

const CALLS: BudgetCap = { category: 'calls', limit: 2, windowMs: HOUR }
const USD: BudgetCap = { category: 'usd', limit: 1, windowMs: HOUR }

let world: BudgetsWorld
beforeAll(async () => {
  world = await budgetsWorld()
})
afterAll(() => world.close())
afterEach(() => world.clear())

let taken = 0
const by = (id: string, claimed = false, osUser = 'x'): Actor => ({ id, claimed, osUser })
const take = async (actor: Actor, tool = 'test.tool@v1') =>
  (await world.reserve.take(refOf(`s${taken++}`), callOf({}, tool, { actor }))).ok

describe('a counter of its own has', () => {
  const ROWS: readonly [name: string, per: BudgetCap['per'], calls: readonly [Actor, string?][], granted: boolean[]][] =
    [
      ['nobody, without per', undefined, [[by('user:a')], [by('user:b')], [by('user:c')]], [true, true, false]],
      [
        'every actor',
        'actor',
        [[by('user:a')], [by('user:a')], [by('user:a')], [by('user:b')]],
        [true, true, false, true],
      ],
      [
        'no name that is only claimed: claims of one user count together',
        'actor',
        [
          [by('agent:a', true)],
          [by('agent:b', true)],
          [by('user:x', true)],
          [by('user:x')],
          [by('agent:a', true, 'y')],
        ],
        [true, true, false, true, true],
      ],
      [
        'no run among actors: who starts another one has no more to use',
        'actor',
        [[by('run:a')], [by('run:b')], [by('run:c')], [by('user:x')], [by('run:c', false, 'y')]],
        [true, true, false, true, true],
      ],
      ['every run', 'run', [[by('run:a')], [by('run:a')], [by('run:a')], [by('run:b')]], [true, true, false, true]],
      ['no run that is only claimed, and nobody else', 'run', Array(3).fill([by('run:a', true)]), [true, true, true]],
      [
        'every connector, whichever of its tools is called',
        'connector',
        [
          [by('user:a'), 'connector.acme.x.do@v1'],
          [by('user:a'), 'connector.acme.x.undo@v2'],
          [by('user:b'), 'connector.acme.x.do@v1'],
          [by('user:a'), 'connector.acme.y.do@v1'],
        ],
        [true, true, false, true],
      ],
    ]
  it.each(ROWS)('%s', async (_, per, calls, granted) => {
    world.levers.caps = [per === undefined ? CALLS : { ...CALLS, per }]
    const answers: boolean[] = []
    for (const [actor, tool] of calls) answers.push(await take(actor, tool))
    expect(answers).toEqual(granted)
  })

  it('besides the one of all, which is counted as well', async () => {
    world.levers.caps = [
      { ...CALLS, per: 'run' },
      { ...CALLS, limit: 3 },
    ]
    const answers: boolean[] = []
    for (const id of ['run:a', 'run:a', 'run:a', 'run:b', 'run:c']) answers.push(await take(by(id)))
    expect(answers).toEqual([true, true, false, true, false])
    const usage = (await world.usage()).map(({ subject, used }) => [subject, used])
    expect(usage).toEqual([
      ['run:a', 2],
      ['run:b', 1],
      [undefined, 3],
    ])
  })

  it('is shown once for everybody while nobody has used anything', async () => {
    world.levers.caps = [{ ...CALLS, per: 'actor' }]
    expect(await world.usage()).toMatchObject([{ per: 'actor', used: 0 }])
    await take(by('user:a'))
    await take(by('user:ab'))
    expect((await world.usage()).map(({ subject }) => subject)).toEqual(['user:a', 'user:ab'])
  })
})

describe('a cost', () => {
  const perItem = { usd: { base: 0.1, terms: [{ input: '/items', rate: 0.2 }] } }
  it('that grows with the input is taken by the input', async () => {
    world.levers.caps = [USD]
    const call = (items: number) => callOf(perItem, undefined, { input: { items } })
    expect((await world.reserve.take(refOf('a'), call(4))).ok).toBe(true)
    expect((await world.reserve.take(refOf('b'), call(1))).ok).toBe(false)
    expect(await world.usage()).toMatchObject([{ used: 0.9 }])
    expect(world.judge(call(1))).toBeUndefined()
  })

  const unknown = callOf({ usd: 'unknown' })
  it.each<[string, readonly BudgetCap[], ReturnType<typeof callOf>, boolean]>([
    ['that is unknown asks', [USD], unknown, true],
    ['that cannot be computed asks', [USD], callOf(perItem, undefined, { input: {} }), true],
    ['that is negative by the input asks', [USD], callOf(perItem, undefined, { input: { items: -5 } }), true],
    ['that is unknown asks nobody where nothing is kept of it', [CALLS], unknown, false],
    [
      'that is unknown asks nobody where the cap is about other tools',
      [{ ...USD, tools: ['other.*'] }],
      unknown,
      false,
    ],
    ['that is unknown asks nobody who has no such counter', [{ ...USD, per: 'run' }], unknown, false],
  ])('%s', (_, caps, call, asks) => {
    world.levers.caps = caps
    expect(world.judge(call)?.effect).toBe(asks ? 'ask' : undefined)
  })
})

describe('a warning', () => {
  const take = (id: string, usd: number) => world.reserve.take(refOf(id), callOf({ usd }))

  it('comes once, with the call that reaches the threshold', async () => {
    world.levers.caps = [{ ...USD, warn: 0.5 }]
    for (const [i, usd] of [0.2, 0.3, 0.1, 0.1].entries()) await take(`w${i}`, usd)
    expect(world.warnings).toEqual([
      {
        callId: 'w1',
        tool: 'test.tool@v1',
        category: 'usd',
        limit: 1,
        used: 0.5,
        warnAt: 0.5,
        windowMs: HOUR,
        windowStart: START,
      },
    ])
  })

  it('comes at four fifths where the policy says nothing, and names whose counter it is', async () => {
    world.levers.caps = [{ ...USD, per: 'actor' }]
    for (let i = 0; i < 10; i++) await take(`w${i}`, 0.1)
    expect(world.warnings).toMatchObject([{ callId: 'w7', used: 0.8, subject: 'user:x' }])
  })

  it('comes from one of many callers and processes, and again after what was given back', async () => {
    world.levers.caps = [{ ...CALLS, limit: 100, warn: 0.5 }]
    const both = [world, await world.another()]
    const all = Array.from({ length: 60 }, (_, i) => `w${i}`)
    await Promise.all(all.map((id, i) => (both[i % 2] ?? world).reserve.take(refOf(id), callOf())))
    expect(world.warnings).toHaveLength(1)
    for (const id of all.slice(0, 20)) await world.reserve.settle(id, 'release')
    for (let i = 0; i < 10; i++) await take(`again${i}`, 0)
    expect(world.warnings).toHaveLength(2)
  })
})

describe('the figure for the end of the window', () => {
  it.each([
    [0, 0.5, 0.5],
    [HOUR / 4, 0.5, 2],
    [HOUR / 2, 0.25, 0.5],
    [HOUR - 1, 1, 1],
  ])('after %s ms of it, %s used is %s', async (elapsed, used, projected) => {
    world.levers.caps = [USD]
    world.levers.now = START + elapsed
    await world.reserve.take(refOf('p'), callOf({ usd: used }))
    const [usage] = await world.usage()
    expect(usage?.projected).toBeCloseTo(projected, 5)
  })
})

describe('a hot budget', () => {
  it('gives 1,000 callers of one moment exactly what there is', async () => {
    world.levers.caps = [{ ...CALLS, limit: 700 }]
    const answers = await Promise.all(
      Array.from({ length: 1000 }, (_, i) => world.reserve.take(refOf(`h${i}`), callOf())),
    )
    expect(answers.filter(({ ok }) => ok)).toHaveLength(700)
    expect(answers.filter((answer) => !answer.ok && answer.code === 'BUDGET_EXCEEDED')).toHaveLength(300)
    expect(await world.usage()).toMatchObject([{ used: 700 }])
    const settled = Array.from({ length: 1000 }, (_, i) => world.reserve.settle(`h${i}`, i % 2 ? 'release' : 'commit'))
    await Promise.all(settled)
    expect(await world.reserve.unsettled('i1')).toEqual([])
    const kept = answers.filter(({ ok }, i) => ok && i % 2 === 0).length
    expect(await world.usage()).toMatchObject([{ used: kept }])
  })

  it('gives four processes exactly what there is', async () => {
    const path = world.path
    const children = Array.from({ length: 4 }, (_, i) => startChild('budget-taker', path, `p${i}`, '250', '600'))
    const granted = await Promise.all(children.map(async (child) => Number(await child.line())))
    expect(granted.reduce((sum, each) => sum + each, 0)).toBe(600)
    world.levers.caps = [{ ...CALLS, limit: 600 }]
    expect(await world.usage()).toMatchObject([{ used: 600 }])
    await Promise.all(children.map((child) => child.ended()))
  })
})
