import { pairingsSlot } from 'cloned/plugins/pairing'
import { pairingSuite, replacementCases } from 'cloned/testing'
import { describe, it } from 'vitest'
import { builtInAndWrapped } from './implementations.js'
import { enrol } from './pairing-device.js'

describe.each(builtInAndWrapped(pairingsSlot))('the contract of paired devices, kept by %s', (_, composition) => {
  const cases = replacementCases({
    replaces: 'cloned.pairing',
    composition,
    cases: (open) => pairingSuite(open, enrol),
  })
  for (const { name, run } of cases) it(name, run)
})
