import { join } from 'node:path'
import { storeSlot } from 'cloned/plugins/store'
import { openTestWorkspace, storeSubject, storeSuite } from 'cloned/testing'
import { describe, it } from 'vitest'
import { clock, opened, temporary } from '../plugins/store-fixture.js'
import { wrapped } from './implementations.js'

describe('the store contract, kept by cloned.store', () => {
  const cases = storeSuite(async () => {
    const path = join(temporary(), 'state.db')
    const { now, advance } = clock()
    let store = await opened(path, { now })
    const reopen = async () => {
      await store.close()
      store = await opened(path, { now })
      return store
    }
    return { store, advance, reopen, close: () => store.close() }
  })
  for (const { name, run } of cases) it(name, run)
})

describe('the store contract, kept by cloned.store, wrapped', () => {
  const cases = storeSuite(async () => storeSubject(await openTestWorkspace(wrapped(storeSlot))))
  for (const { name, run } of cases) it(name, run)
})
