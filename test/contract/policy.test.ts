import { policySlot } from 'cloned/plugins/policy'
import { policySuite, replacementCases } from 'cloned/testing'
import { describe, it } from 'vitest'
import { builtInAndWrapped } from './implementations.js'

const overlay = 'version: 1\npack: personal\ntools:\n  deny: [bench.low.do@v1]\n  allow: [bench.high.do@v1]\n'

describe.each(builtInAndWrapped(policySlot))('the policy contract, kept by %s', (_, composition) => {
  const cases = replacementCases({
    replaces: 'cloned.policy',
    composition,
    cases: (open) => policySuite(open, { overlay }),
  })
  for (const { name, run } of cases) it(name, run)
})
