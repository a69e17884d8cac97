// Says what runs connectors in the place of the built-in and how the suite gets at it, in a real sandbox.
import { connectorsSubject, connectorsSuite, type Replacement } from 'cloned/testing'
import acmeConnectors from './index.js'

const replacement: Replacement = {
  replaces: 'cloned.connectors',
  composition: { plugins: [acmeConnectors], replace: { 'cloned.connectors': 'acme.connectors' } },
  cases: (open) => connectorsSuite(async () => connectorsSubject(await open())),
}
export default replacement
