import { firewallSlot } from 'cloned/plugins/firewall'
import { carrierSuite, firewallSubject, firewallSuite, openTestWorkspace, type TestWorkspace } from 'cloned/testing'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { Agents } from '../../plugins/firewall/agents.js'
import { builtInAndWrapped } from './implementations.js'

describe.each(builtInAndWrapped(firewallSlot))('the firewall contract, kept by %s', (_, composition) => {
  let workspace: TestWorkspace
  beforeAll(async () => {
    workspace = await openTestWorkspace(composition)
  })
  afterAll(() => workspace.close())

  /** One workspace for all cases; each leaves it without rules. */
  const cases = firewallSuite(async () => {
    const { firewall, rules } = firewallSubject(workspace)
    let changed = false
    return {
      firewall,
      rules(egress) {
        changed = true
        return rules(egress)
      },
      close: async () => {
        if (changed) await rules({})
      },
    }
  })
  for (const { name, run } of cases) it(name, run)
})

describe('the contract of carriers, kept by the built-in', () => {
  const cases = carrierSuite((dialling) => new Agents({ ...dialling, log: { warn() {} } }))
  for (const { name, run } of cases) it(name, run)
})
