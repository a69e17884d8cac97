// Says what the firewall replaces, so that the suites of firewalls and of their carriers run on it, in a real workspace.
import { carrierSuite, firewallSubject, firewallSuite, type Replacement } from 'cloned/testing'
import { PlainCarrier } from './carrier.js'
import acmeFirewall from './index.js'

const replacement: Replacement = {
  replaces: 'cloned.firewall',
  composition: { plugins: [acmeFirewall], replace: { 'cloned.firewall': 'acme.firewall' } },
  cases: (open) => [
    ...firewallSuite(async () => firewallSubject(await open())),
    ...carrierSuite((dialling) => new PlainCarrier(dialling)),
  ],
}
export default replacement
