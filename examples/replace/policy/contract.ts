// Says what the policy replaces, with rules that a person could work with; it cannot be changed, so no ability is claimed.
import { use } from 'cloned/kernel'
import { policySuite, type Replacement } from 'cloned/testing'
import acmePolicy from './index.js'

const replacement: Replacement = {
  replaces: 'cloned.policy',
  composition: {
    plugins: [
      use(acmePolicy, { risk: { low: 'allow', medium: 'ask', high: 'ask' }, actions: { 'run.start': 'allow' } }),
    ],
    replace: { 'cloned.policy': 'acme.policy' },
  },
  cases: policySuite,
}
export default replacement
