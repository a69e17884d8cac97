// Keeps the compiled rules of the policy in force; while it has none that can be used, asking for them throws.
import type { PolicySnapshot } from '../policy/slot.js'
import { compileEgress } from './decide.js'
import type { RulesInForce } from './revocation.js'

/** Compiles once for each change of the policy. Throws `EGRESS_RULES`, and what `snapshot` throws. */
export function createRules(snapshot: () => Pick<PolicySnapshot, 'egress' | 'epoch'>): () => RulesInForce {
  let compiled: { from: unknown; rules: RulesInForce } | { from: unknown; fault: unknown } | undefined
  return () => {
    const { egress, epoch } = snapshot()
    if (compiled?.from !== egress) compiled = { from: egress, ...compile(egress, epoch) }
    if ('fault' in compiled) throw compiled.fault
    return compiled.rules
  }
}

function compile(egress: PolicySnapshot['egress'], epoch: number): { rules: RulesInForce } | { fault: unknown } {
  try {
    return { rules: { epoch, decide: compileEgress(egress) } }
  } catch (fault) {
    return { fault }
  }
}
