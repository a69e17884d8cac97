// Needs the build: real processes carry the runs, and are killed.
import { expect, it } from 'vitest'
import { killedRuns } from '../faults/runs-rounds.js'

it('runs whose processes are killed all end, each effect there once, the budget exact, the log whole', async () => {
  const left = await killedRuns(16, 200)
  expect(left).toMatchObject({ states: { done: 16 }, notOnce: [], broken: undefined })
  expect(left.used).toBe(left.recorded)
  expect(left.kills).toBeGreaterThan(0)
})
