import { definePlugin, plan, type Requirement, type Slot, slot } from 'cloned/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { basics } from './support.js'

const RUNS = process.env['CLONED_LONG'] === '1' ? 5_000 : 300

/** Plugins by number, in the order in which they are listed, with the numbers that each needs. */
interface Graph {
  readonly listed: readonly number[]
  readonly needs: ReadonlyMap<number, readonly number[]>
}

const slotOf = (n: number): Slot<unknown> => slot(`test.s${n}`, { contract: 1 })

function planned({ listed, needs }: Graph) {
  const plugins = listed.map((n) => {
    const wanted = (needs.get(n) ?? []).map((m): [string, Requirement] => [`s${m}`, slotOf(m)])
    return definePlugin({
      id: `t.p${n}`,
      ...basics,
      provides: { own: slotOf(n) },
      requires: Object.fromEntries(wanted),
      setup: () => ({ own: {} }),
    })
  })
  return plan({ name: 'test', version: '1.0.0', plugins })
}

/** Any graph of up to twelve plugins; `acyclic` needs go to lower numbers only, while the listing is shuffled. */
function graphs(acyclic: boolean): fc.Arbitrary<Graph> {
  return fc.integer({ min: 1, max: 12 }).chain((size) => {
    const numbers = Array.from({ length: size }, (_, n) => n)
    const needsOf = (n: number) => fc.subarray(acyclic ? numbers.slice(0, n) : numbers)
    return fc.record({
      listed: fc.shuffledSubarray(numbers, { minLength: size }),
      needs: fc.tuple(...numbers.map(needsOf)).map((all) => new Map(all.map((needs, n) => [n, needs]))),
    })
  })
}

const numbersOf = (ids: readonly string[]) => ids.map((id) => Number(id.slice('t.p'.length)))

describe('the order of plugins', () => {
  it('puts every need first and is the same every time', () => {
    fc.assert(
      fc.property(graphs(true), (graph) => {
        const report = planned(graph)
        expect(report.problems).toEqual([])
        const order = numbersOf(report.plugins.map(({ id }) => id))
        expect([...order].sort()).toEqual([...graph.listed].sort())
        for (const [n, needs] of graph.needs)
          for (const m of needs) expect(order.indexOf(m)).toBeLessThan(order.indexOf(n))
        expect(numbersOf(planned(graph).plugins.map(({ id }) => id))).toEqual(order)
      }),
      { numRuns: RUNS },
    )
  })

  it('is the order of the list where nothing needs anything, and wherever the list already fits', () => {
    fc.assert(
      fc.property(graphs(true), ({ listed, needs }) => {
        expect(numbersOf(planned({ listed, needs: new Map() }).plugins.map(({ id }) => id))).toEqual(listed)
        const fitting = [...listed].sort((a, b) => a - b)
        expect(numbersOf(planned({ listed: fitting, needs }).plugins.map(({ id }) => id))).toEqual(fitting)
      }),
      { numRuns: RUNS },
    )
  })

  it('is refused with a real cycle exactly when there is one', () => {
    fc.assert(
      fc.property(graphs(false), (graph) => {
        const cycles = planned(graph).problems.filter(({ code }) => code === 'PLUGIN_CYCLE')
        expect(cycles).toHaveLength(isCyclic(graph) ? 1 : 0)
        const path = cycles[0]?.message.match(/t\.p\d+/g) ?? []
        const steps = numbersOf(path)
        for (let i = 0; i + 1 < steps.length; i++) expect(graph.needs.get(steps[i] ?? -1)).toContain(steps[i + 1])
        if (cycles.length > 0) {
          expect(steps.length).toBeGreaterThan(1)
          expect(steps.at(-1)).toBe(steps[0])
        }
      }),
      { numRuns: RUNS },
    )
  })
})

/** Says it by Kahn's count, which shares nothing with the search that the planner does. */
function isCyclic({ listed, needs }: Graph): boolean {
  const left = new Map(listed.map((n) => [n, new Set(needs.get(n))]))
  for (
    let free = [...left].find(([, all]) => all.size === 0);
    free;
    free = [...left].find(([, all]) => all.size === 0)
  ) {
    left.delete(free[0])
    for (const all of left.values()) all.delete(free[0])
  }
  return left.size > 0
}
