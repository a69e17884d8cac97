import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { inspect, inWorkspace, killAtRandom, startCaller } from './chaos.js'
import { killRounds } from './chaos-rounds.js'
import { readEffects, violations } from './chaos-rules.js'

// Dozens of processes start one after another; on a busy machine that takes minutes, and none of them may be hurried.
vi.setConfig({ testTimeout: 180_000 })

describe('a process that is killed', () => {
  it('at a random point and at chosen ones, breaks no rule for the others nor for what it was told', async () => {
    const { landed } = await killRounds(['two at random', 'effected', 'waiting'], 200)
    for (const phase of ['between effect and outcome', 'while a run waited'] as const) {
      expect(landed[phase], phase).toBeGreaterThan(0)
    }
  })

  it('while a budget runs out, has not spent more than there was', async () => {
    await inWorkspace(async (root) => {
      const limit = 40
      const said = [...(await killAtRandom({ root, limit }, 200)), ...(await killAtRandom({ root, limit }, 200))]
      const last = startCaller({ root, limit, mode: 'add', count: 60 })
      expect(await last.ended).toMatchObject({ code: 0 })
      const checked = await inspect({ root, limit })
      const effects = readEffects(join(root, 'effects.log'))
      const all = [...said, ...last.said, ...checked.said]
      expect(violations({ found: checked.found, said: all, effects, limit })).toEqual([])
      expect(checked.found.used).toBe(limit * 700_000)
      expect(last.said.some((line) => line.includes('BUDGET_EXCEEDED'))).toBe(true)
    })
  })

  it('in the middle of a line of the log, leaves a torn end that the next record removes and notes', async () => {
    await inWorkspace(async (root) => {
      const caller = startCaller({ root, limit: 1_000 })
      await caller.heard('done')
      await caller.kill()
      const { said } = caller
      appendFileSync(join(root, '.cloned', 'audit.log'), '{"v":1,"seq":')
      const { found } = await inspect({ root, limit: 1_000 })
      expect(found.verifiedBefore).toMatchObject({ ok: false, kind: 'torn' })
      expect(found.log.filter(({ record }) => record['type'] === 'log.recover')).toHaveLength(1)
      const effects = readEffects(join(root, 'effects.log'))
      expect(violations({ found, said, effects, limit: 1_000 })).toEqual([])
    })
  })
})

describe('eight processes on one workspace', () => {
  it('write one unbroken chain and spend budgets exactly', async () => {
    await inWorkspace(async (root) => {
      const limit = 100
      const callers = Array.from({ length: 8 }, () => startCaller({ root, limit, mode: 'add', count: 20 }))
      const ends = await Promise.all(callers.map(({ ended }) => ended))
      const told = ends.map(({ errors }) => errors).join('')
      // The one that crosses the threshold says so, and nobody else.
      expect(told).toMatch(/^warn cloned\.budgets: a budget has reached its warning threshold [^\n]*\n$/)
      expect(ends.map(({ code }) => code)).toEqual(Array(8).fill(0))
      const said = callers.flatMap((caller) => caller.said)
      const { found } = await inspect({ root, limit })
      const effects = readEffects(join(root, 'effects.log'))
      expect(violations({ found, said, effects, limit })).toEqual([])
      expect(found.verifiedBefore).toMatchObject({ ok: true })
      expect(said.filter((line) => line.startsWith('done'))).toHaveLength(limit)
      expect(said.filter((line) => line.startsWith('denied'))).toHaveLength(8 * 20 - limit)
    })
  })
})
