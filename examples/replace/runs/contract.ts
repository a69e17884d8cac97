// Says what these runs replace, so that the suite of runs runs on them.
import { type Replacement, runsSuite } from 'cloned/testing'
import acmeRuns from './index.js'

const replacement: Replacement = {
  replaces: 'cloned.runs',
  composition: { plugins: [acmeRuns], replace: { 'cloned.runs': 'acme.runs' } },
  cases: runsSuite,
}
export default replacement
