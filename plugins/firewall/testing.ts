// The rules that every firewall keeps, as cases for any test runner; must send nothing to any machine but this one.
import { type ContractCase, contractCase } from 'cloned/testing'
import { decisions } from './testing-decisions.js'
import { requests } from './testing-requests.js'
import { secrets } from './testing-secrets.js'
import { loopbackServer } from './testing-server.js'
import type { FirewallSubject, Rule, Served } from './testing-subject.js'
import { tunnels } from './testing-tunnels.js'

export type { FirewallSubject, TestRules } from './testing-subject.js'

/** The contract of slot `cloned.firewall`. `make` is called once per case. */
export function firewallSuite(make: () => Promise<FirewallSubject>): readonly ContractCase[] {
  const rule: Rule = (name, check) => contractCase(name, make, check)
  const served: Served = (name, check) =>
    rule(name, async (subject) => {
      const server = await loopbackServer()
      try {
        await check({ ...subject, server })
      } finally {
        await server.close()
      }
    })
  return [...decisions(rule), ...requests(served), ...secrets(served), ...tunnels(served)]
}
