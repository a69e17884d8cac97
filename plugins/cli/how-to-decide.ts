// Words who decides a request and what they type; must never offer the one who asked a command that will be refused.
import type { PolicySnapshot } from '../policy/slot.js'
import type { Asked } from './slot.js'

type Rules = Pick<PolicySnapshot['approvals'], 'selfDecision' | 'approvers'>

/** `rules` are those of the policy in force; without a policy nobody is known who may decide it here. */
export function howToDecide({ id, osUser }: Asked, rules: Rules | undefined): string {
  const commands = `cloned approvals approve ${id}   or   cloned approvals deny ${id}`
  const approvers = rules?.approvers ?? []
  if (approvers.length > 0) {
    return `${commands}   by ${approvers.map((approver) => approver.id).join(', ')} (who has a key: --key FILE)`
  }
  if (rules?.selfDecision) return commands
  return `another operating-system user than ${osUser}, who asked; the policy takes no decision from that one`
}
