import { statSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type Caller, checkRules, inspect, inWorkspace, killOnce, startCaller } from './chaos.js'

const KILLS = Number(process.env['CLONED_KILLS'] ?? 6)
const LIMIT = 100_000

describe('a process that is killed at a random point', () => {
  it(`loses nothing acknowledged, runs nothing unrecorded, leaves nothing taken (${KILLS} kills)`, {
    timeout: 900_000,
  }, async () => {
    await inWorkspace(async (root) => {
      const said: string[] = []
      for (let i = 0; i < KILLS; i++) said.push(...(await killOnce(root, LIMIT, 600)))
      const found = await inspect(root, LIMIT, true)
      checkRules(root, found, said, LIMIT)
      // The rules were held against something.
      expect(said.filter((line) => line.startsWith('done')).length).toBeGreaterThan(KILLS)
      // Runs that waited or were cut off went on to their end.
      const ends = new Set(found.runsAfter.map(({ state }) => state))
      expect([...ends].filter((state) => state !== 'done')).toEqual([])
      expect(found.openMs, 'no stale lock to wait for').toBeLessThan(5_000)
    })
  })

  it('never overspends a budget that runs out while processes are killed', { timeout: 120_000 }, async () => {
    await inWorkspace(async (root) => {
      const said: string[] = []
      for (let i = 0; i < 3; i++) said.push(...(await killOnce(root, 40, 400)))
      const last = startCaller(root, 40, 'add', '120')
      await last.ended
      const found = await inspect(root, 40)
      checkRules(root, found, [...said, ...last.said], 40)
      expect(found.budgetUsed).toBe(40)
      expect(last.said.some((line) => line.includes('BUDGET_EXCEEDED'))).toBe(true)
    })
  })

  it('leaves the calls of a process that is still alive alone', { timeout: 120_000 }, async () => {
    await inWorkspace(async (root) => {
      const alive = startCaller(root, LIMIT, 'hold')
      await alive.ready
      await held(root)
      await killOnce(root, LIMIT, 200)
      const found = await inspect(root, LIMIT)
      const intent = found.records.find(
        (record) => record['type'] === 'tool.intent' && String(record['target']).includes('hold'),
      )
      const outcomes = found.records.filter(
        (record) => record['call_id'] === intent?.['call_id'] && record['type'] === 'tool.outcome',
      )
      expect(outcomes).toEqual([])
      expect(found.unsettled).toEqual([intent?.['call_id']])
      await end(alive)
      const later = await inspect(root, LIMIT)
      const ends = later.records.filter(
        (record) => record['call_id'] === intent?.['call_id'] && record['type'] === 'tool.outcome',
      )
      expect(ends.map((record) => record['status'])).toEqual(['indeterminate'])
      expect(later.unsettled).toEqual([])
    })
  })
})

describe('eight processes on one workspace', () => {
  it('write one unbroken chain and spend budgets exactly', { timeout: 120_000 }, async () => {
    await inWorkspace(async (root) => {
      const limit = 150
      const callers = Array.from({ length: 8 }, () => startCaller(root, limit, 'add', '25'))
      const ends = await Promise.all(callers.map(({ ended }) => ended))
      expect(ends).toEqual(Array(8).fill(0))
      const said = callers.flatMap((caller) => caller.said)
      const found = await inspect(root, limit)
      checkRules(root, found, said, limit)
      expect(said.filter((line) => line.startsWith('done'))).toHaveLength(limit)
      expect(said.filter((line) => line.startsWith('denied'))).toHaveLength(8 * 25 - limit)
      expect(found.verifiedBefore).toMatchObject({ ok: true })
    })
  })
})

/** Waits until the held call has had its effect: its intent is in the log by then. */
async function held(root: string): Promise<void> {
  await expect
    .poll(() => statSync(`${root}/effects.log`, { throwIfNoEntry: false })?.size ?? 0, { timeout: 20_000 })
    .toBeGreaterThan(0)
}

async function end({ child, ended }: Caller): Promise<void> {
  child.stdin?.write('end\n')
  await ended
}
