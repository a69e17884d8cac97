import { compilePattern } from 'cloned/kernel'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BudgetsWorld, budgetsWorld, callOf, HOUR, refOf } from './budgets-fixture.js'

const RUNS = process.env['CLONED_LONG'] === '1' ? 2000 : 60
const LIMIT = 3
const CAPS = [
  { category: 'calls', limit: LIMIT, windowMs: HOUR },
  { category: 'usd', limit: 1, windowMs: HOUR },
]
const CALL_IDS = ['c0', 'c1', 'c2', 'c3', 'c4', 'c5'] as const

let world: BudgetsWorld
beforeAll(async () => {
  world = await budgetsWorld(CAPS)
})
afterAll(() => world.close())

const op = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('take'), id: fc.constantFrom(...CALL_IDS), cents: fc.nat(60) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('commit', 'release'), id: fc.constantFrom(...CALL_IDS) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restore'), id: fc.constantFrom(...CALL_IDS) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lost'), cents: fc.nat(60) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('clock'), hours: fc.integer({ min: -2, max: 2 }) }) },
)
type Op = { do: string; id?: string; cents?: number; hours?: number }

/** Says what budgets must answer, from their rules alone: whole cents, one map, no database. */
class Model {
  readonly #calls = new Map<string, { hour: number; cents: number; state: 'open' | 'committed' | 'released' }>()
  hour = 0

  used(): { calls: number; cents: number } {
    const counted = [...this.#calls.values()].filter((call) => call.hour === this.hour && call.state !== 'released')
    return { calls: counted.length, cents: counted.reduce((sum, call) => sum + call.cents, 0) }
  }

  take(id: string, cents: number): boolean {
    const known = this.#calls.get(id)
    if (known) return known.state === 'open'
    const { calls, cents: spent } = this.used()
    if (calls + 1 > LIMIT || spent + cents > 100) return false
    this.force(id, cents)
    return true
  }

  force(id: string, cents: number): void {
    this.#calls.set(id, { hour: this.hour, cents, state: 'open' })
  }

  settle(id: string, state: 'committed' | 'released'): void {
    const known = this.#calls.get(id)
    if (known?.state === 'open') known.state = state
    // Released before it took: what comes late takes nothing.
    if (!known && state === 'released') this.#calls.set(id, { hour: this.hour, cents: 0, state })
  }
}

describe('budgets', () => {
  it('answer and count exactly as their rules say, whatever the order of what happens', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(op as fc.Arbitrary<Op>, { maxLength: 40 }), async (ops) => {
        await world.clear()
        const start = world.levers.now
        const model = new Model()
        const tokens = new Map<string, { readonly ok: boolean; readonly token?: unknown }>()
        let lost = 0
        for (const { do: what, id = '', cents = 0, hours = 0 } of ops) {
          const call = callOf({ usd: cents / 100 })
          if (what === 'take') {
            const answer = await world.reserve.take(refOf(id), call)
            expect(answer.ok).toBe(model.take(id, cents))
            if (answer.ok) tokens.set(id, answer)
          } else if (what === 'commit' || what === 'release') {
            await world.reserve.settle(id, what)
            model.settle(id, what === 'commit' ? 'committed' : 'released')
          } else if (what === 'restore') {
            const known = tokens.get(id)
            if (known) await world.reserve.restore(refOf(id), known.token as never)
          } else if (what === 'lost') {
            const window = world.levers.now - (world.levers.now % HOUR)
            const token = CAPS.map(({ category, windowMs }) => ({
              cap: JSON.stringify([category, windowMs, '*']),
              window,
              millionths: category === 'calls' ? 1_000_000 : cents * 10_000,
            }))
            await world.reserve.restore(refOf(`lost${lost}`), token)
            model.force(`lost${lost++}`, cents)
          } else {
            model.hour += hours
            world.levers.now = start + model.hour * HOUR
          }
          const [calls, usd] = await world.usage()
          const { calls: expected, cents: spent } = model.used()
          expect([calls?.used, Math.round((usd?.used ?? 0) * 1e6)]).toEqual([expected, spent * 10_000])
        }
      }),
      { numRuns: RUNS },
    )
  })

  it('never pass a limit and stay equal to what is taken, when two processes do everything at once', async () => {
    const other = await world.another()
    const step = fc.array(op as fc.Arbitrary<Op>, { minLength: 1, maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 5 }), async (steps) => {
        await world.clear()
        for (const ops of steps) {
          await Promise.all(
            ops.map(async ({ do: what, id = '', cents = 0 }, i) => {
              const { reserve } = i % 2 === 0 ? world : other
              if (what === 'take') await reserve.take(refOf(id), callOf({ usd: cents / 100 }))
              if (what === 'commit' || what === 'release') await reserve.settle(id, what)
            }),
          )
          const rows = await world.store.all("select draws from budget_takes where state <> 'released'")
          const draws = rows.flatMap((row) => JSON.parse(String(row['draws'])) as { cap: string; millionths: number }[])
          for (const { category, limit, used } of await world.usage()) {
            const taken = draws.filter(({ cap }) => cap.startsWith(`["${category}"`))
            expect(Math.round(used * 1e6)).toBe(taken.reduce((sum, { millionths }) => sum + millionths, 0))
            expect(used).toBeLessThanOrEqual(limit)
          }
        }
      }),
      { numRuns: RUNS },
    )
  })

  it('grant exactly the limit to many calls of two processes at one moment', async () => {
    await world.clear()
    const both = [world, await world.another()]
    world.levers.caps = [{ category: 'calls', limit: 50, windowMs: HOUR }]
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, i) => (both[i % 2] ?? world).reserve.take(refOf(`c${i}`), callOf())),
    )
    world.levers.caps = CAPS
    expect(answers.filter(({ ok }) => ok)).toHaveLength(50)
    expect(answers.filter((answer) => !answer.ok && answer.code === 'BUDGET_EXCEEDED')).toHaveLength(150)
  })
})

describe('patterns of tools', () => {
  it('match as the same pattern written as an anchored regular expression', () => {
    const text = (alphabet: readonly string[]) => fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 12 })
    fc.assert(
      fc.property(text(['a', 'b', '.', '*']), text(['a', 'b', '.']), (pattern, id) => {
        const parts = pattern.split('*').map((part) => part.replaceAll('.', '\\.'))
        expect(compilePattern(pattern)(id)).toBe(new RegExp(`^${parts.join('.*')}$`).test(id))
      }),
      { numRuns: 5000 },
    )
  })

  it('end on an input that makes a backtracking matcher run for ever', () => {
    expect(compilePattern(`${'a*'.repeat(5000)}b`)('a'.repeat(20_000))).toBe(false)
  })
})
