import { expect, it } from 'vitest'
import { killedRuns } from '../faults/runs-rounds.js'

const RUNS = Number(process.env['CLONED_RUNS'] ?? 1_000)

it(`${RUNS} runs whose processes are killed every few hundred milliseconds all end, each effect there once`, async () => {
  const left = await killedRuns(RUNS, 400)
  process.stdout.write(`${JSON.stringify(left)}\n`)
  expect(left).toMatchObject({ states: { done: RUNS }, notOnce: [], broken: undefined })
  expect(left.used).toBe(left.recorded)
  expect(left.kills).toBeGreaterThan(0)
})
