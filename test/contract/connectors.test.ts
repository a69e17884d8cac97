import { connectorsSlot } from 'cloned/plugins/connectors'
import { connectorsSubject, connectorsSuite, openTestWorkspace } from 'cloned/testing'
import { describe, it } from 'vitest'
import { canConfine, NO_SANDBOX } from '../plugins/connectors-fixture.js'
import { builtInAndWrapped } from './implementations.js'

describe.skipIf(!canConfine).each(builtInAndWrapped(connectorsSlot))(
  `the connectors contract (skipped only where ${NO_SANDBOX}), kept by %s`,
  (_, composition) => {
    const cases = connectorsSuite(async () => connectorsSubject(await openTestWorkspace(composition)))
    for (const { name, run } of cases) it(name, run)
  },
)
