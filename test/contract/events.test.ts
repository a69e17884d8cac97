import { eventsSlot } from 'cloned/plugins/events'
import { eventsSuite, replacementCases } from 'cloned/testing'
import { describe, it } from 'vitest'
import { builtInAndWrapped } from './implementations.js'

describe.each(builtInAndWrapped(eventsSlot))('the feed contract, kept by %s', (_, composition) => {
  const cases = replacementCases({ replaces: 'cloned.events', composition, cases: eventsSuite })
  for (const { name, run } of cases) it(name, run)
})
