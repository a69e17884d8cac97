// Says what the feed replaces, so that the suite of feeds runs on it.
import { eventsSuite, type Replacement } from 'cloned/testing'
import acmeEvents from './index.js'

const replacement: Replacement = {
  replaces: 'cloned.events',
  composition: { plugins: [acmeEvents], replace: { 'cloned.events': 'acme.events' } },
  cases: eventsSuite,
}
export default replacement
