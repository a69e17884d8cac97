// Says what the API replaces, so that the suite of APIs runs on it; it serves no parts of others, which are Fastify plugins.
import { apiSuite, type Replacement } from 'cloned/testing'
import acmeApi from './index.js'

const replacement: Replacement = {
  replaces: 'cloned.api',
  composition: { plugins: [acmeApi], replace: { 'cloned.api': 'acme.api' } },
  cases: apiSuite,
}
export default replacement
