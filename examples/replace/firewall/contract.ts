// Says what the firewall replaces and how the suite of firewalls gets at one, by the real policy of a real workspace.
import { firewallSubject, firewallSuite, type Replacement } from 'cloned/testing'
import acmeFirewall from './index.js'

const replacement: Replacement = {
  replaces: 'cloned.firewall',
  composition: { plugins: [acmeFirewall], replace: { 'cloned.firewall': 'acme.firewall' } },
  cases: (open) => firewallSuite(async () => firewallSubject(await open())),
}
export default replacement
