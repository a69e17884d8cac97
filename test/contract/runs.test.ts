import { runsSlot } from 'cloned/plugins/runs'
import { replacementCases, runsSuite } from 'cloned/testing'
import { describe, it } from 'vitest'
import { builtInAndWrapped } from './implementations.js'

describe.each(builtInAndWrapped(runsSlot))('the contract of runs, kept by %s', (_, composition) => {
  const cases = replacementCases({ replaces: 'cloned.runs', composition, cases: runsSuite })
  for (const { name, run } of cases) it(name, run)
})
