// Says what the store replaces and how the suite of stores gets at it, on a real file in a real workspace.
import { type Replacement, storeSubject, storeSuite } from 'cloned/testing'
import acmeStore from './index.js'

const replacement: Replacement = {
  replaces: 'cloned.store',
  composition: { plugins: [acmeStore], replace: { 'cloned.store': 'acme.store' } },
  cases: (open) => storeSuite(async () => storeSubject(await open())),
}
export default replacement
