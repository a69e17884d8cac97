import { apiSlot } from 'cloned/plugins/api'
import { apiSuite, replacementCases } from 'cloned/testing'
import { describe, it } from 'vitest'
import { builtInAndWrapped } from './implementations.js'

describe.each(builtInAndWrapped(apiSlot))('the contract of an HTTP API, kept by %s', (_, composition) => {
  const cases = replacementCases({
    replaces: 'cloned.api',
    composition,
    cases: (open) => apiSuite(open, { parts: true }),
  })
  for (const { name, run } of cases) it(name, run)
})
