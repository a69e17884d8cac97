import { cliSlot } from 'cloned/plugins/cli'
import { cliSuite, replacementCases } from 'cloned/testing'
import { describe, it } from 'vitest'
import { builtInAndWrapped } from './implementations.js'

describe.each(builtInAndWrapped(cliSlot))('the contract of a command line, kept by %s', (_, composition) => {
  const cases = replacementCases({ replaces: 'cloned.cli', composition, cases: cliSuite })
  for (const { name, run } of cases) it(name, run)
})
