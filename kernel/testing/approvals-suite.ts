// The rules that every implementation of approvals must keep, as one list of cases; knows nothing of how they are stored.

import { deciderRules } from './approvals-deciders.js'
import type { ApprovalsFixture, Rule } from './approvals-fixture.js'
import { grantRules } from './approvals-grants.js'
import { processRules } from './approvals-processes.js'
import { coverRules, decisionRules, requestRules } from './approvals-requests.js'
import { expiryRules, settlementRules, useRules } from './approvals-uses.js'
import { type ContractCase, contractCase } from './case.js'

export { type ApprovalsFixture, type DeciderRules, TEST_DECIDER, TEST_REQUESTER } from './approvals-fixture.js'

/** The contract of {@link Approvals}, a fresh fixture for each case. */
export function approvalsSuite(make: () => Promise<ApprovalsFixture>): readonly ContractCase[] {
  const rule: Rule = (name, check) => contractCase(name, make, check)
  return [
    ...requestRules(rule),
    ...coverRules(rule),
    ...decisionRules(rule),
    ...deciderRules(rule),
    ...useRules(rule),
    ...expiryRules(rule),
    ...settlementRules(rule),
    ...processRules(rule),
    ...grantRules(rule),
  ]
}
