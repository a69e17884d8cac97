import { expect, it } from 'vitest'
import { REPLACED } from './packed-project.js'
import { BUILT_INS, replacedFromTarballs } from './replaced.js'

it('there is a replacement of every built-in that has a contract', () => {
  expect([...REPLACED].sort()).toEqual(BUILT_INS)
})

// The others take minutes: test/long/replaced.test.ts.
replacedFromTarballs(['audit', 'policy'])
