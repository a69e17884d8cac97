import { registrySlot } from 'cloned/plugins/registry'
import { openTestWorkspace, registrySubject, registrySuite } from 'cloned/testing'
import { describe, it } from 'vitest'
import { builtInAndWrapped } from './implementations.js'

describe.each(builtInAndWrapped(registrySlot))('the registry contract, kept by %s', (_, composition) => {
  const cases = registrySuite(async () => registrySubject(await openTestWorkspace(composition)))
  for (const { name, run } of cases) it(name, run)
})
