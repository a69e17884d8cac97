import { artifactsSlot } from 'cloned/plugins/artifacts'
import { artifactsSuite, replacementCases } from 'cloned/testing'
import { describe, it } from 'vitest'
import { builtInAndWrapped } from './implementations.js'

describe.each(builtInAndWrapped(artifactsSlot))('the artifact contract, kept by %s', (_, composition) => {
  const cases = replacementCases({ replaces: 'cloned.artifacts', composition, cases: artifactsSuite })
  for (const { name, run } of cases) it(name, run)
})
