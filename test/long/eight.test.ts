import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { inspect, inWorkspace, startCaller } from '../faults/chaos.js'
import { PLENTY } from '../faults/chaos-rounds.js'
import { readEffects, violations } from '../faults/chaos-rules.js'
import type { CallerOptions } from '../fixtures/chaos/options.js'

const eight = (options: CallerOptions) => Array.from({ length: 8 }, () => startCaller(options))

describe('eight processes on one workspace', () => {
  it('write one unbroken chain of two thousand calls, spend the budget to the last millionth and warn of it once', async () => {
    await inWorkspace(async (root) => {
      const limit = 1_500
      const callers = eight({ root, limit, mode: 'add', count: 250 })
      const ends = await Promise.all(callers.map(({ ended }) => ended))
      expect(ends.map(({ code }) => code)).toEqual(Array(8).fill(0))
      expect(ends.map(({ errors }) => errors).join('')).toMatch(/^warn cloned\.budgets: [^\n]+\n$/)
      const said = callers.flatMap((caller) => caller.said)
      const { found } = await inspect({ root, limit })
      const effects = readEffects(join(root, 'effects.log'))
      expect(violations({ found, said, effects, limit })).toEqual([])
      expect(found.verifiedBefore).toMatchObject({ ok: true })
      expect(effects).toHaveLength(limit)
      expect(said.filter((line) => line.startsWith('denied'))).toHaveLength(8 * 250 - limit)
    })
  })

  it('ask, decide and run beside each other without breaking a rule', async () => {
    await inWorkspace(async (root) => {
      const callers = eight({ root, limit: PLENTY, count: 60 })
      const ends = await Promise.all(callers.map(({ ended }) => ended))
      expect(ends).toEqual(Array(8).fill({ code: 0, errors: '' }))
      await holds(
        root,
        callers.flatMap((caller) => caller.said),
      )
    })
  })

  it('break no rule when all of them are killed within a moment', async () => {
    await inWorkspace(async (root) => {
      const callers = eight({ root, limit: PLENTY })
      await Promise.all(callers.map((caller) => caller.heard('done', 5)))
      await Promise.all(callers.map((caller) => sleep(Math.random() * 300).then(() => caller.kill())))
      await holds(
        root,
        callers.flatMap((caller) => caller.said),
      )
    })
  })
})

async function holds(root: string, said: readonly string[]): Promise<void> {
  const checked = await inspect({ root, limit: PLENTY, resume: true })
  const effects = readEffects(join(root, 'effects.log'))
  const all = [...said, ...checked.said]
  expect(violations({ found: checked.found, said: all, effects, limit: PLENTY, resumed: true })).toEqual([])
}
