import { doctorSuite, replacementCases } from 'cloned/testing'
import { describe, it } from 'vitest'

// It owns a collection and no slot, so there is nothing that a plugin could wrap.
describe('the contract of a doctor, kept by cloned.doctor', () => {
  for (const { name, run } of replacementCases({ replaces: 'cloned.doctor', composition: {}, cases: doctorSuite }))
    it(name, run)
})
