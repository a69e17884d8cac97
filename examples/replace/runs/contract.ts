// Says what these runs replace, so that the suites of runs and of their ledgers run on them.
import { ledgerSuite, type Replacement, runsSuite } from 'cloned/testing'
import acmeRuns from './index.js'
import { createLedger, MIGRATIONS } from './ledger.js'

const replacement: Replacement = {
  replaces: 'cloned.runs',
  composition: { plugins: [acmeRuns], replace: { 'cloned.runs': 'acme.runs' } },
  cases: (open) => [
    ...runsSuite(open),
    ...ledgerSuite(async ({ store }) => {
      await store.migrate('acme.runs', MIGRATIONS)
      return createLedger(store, Date.now, () => {})
    }),
  ],
}
export default replacement
