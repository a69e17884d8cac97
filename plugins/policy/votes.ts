// Turns answers of the policy into votes with reason, rule and next step; a policy that cannot be read is a denial.
import {
  type Action,
  allow,
  ask,
  ClonedError,
  deny,
  isClonedError,
  type PolicyWrite,
  type Verdict,
} from 'cloned/kernel'
import { describeChange } from './changes.js'
import type { PackName } from './document.js'
import { compilePolicy } from './effective.js'
import type { Judgement } from './judge.js'
import type { LivePolicy } from './live.js'
import { tightens } from './tightening.js'

/** The policy that votes, the name of its overlay and the pack of the workspace. */
export interface Voter {
  readonly policy: LivePolicy
  readonly name: string
  readonly pack: PackName
}

/** The policy's vote. It waits while what was approved is being read again, so that a tightened rule counts at once. */
export function vote(voter: Voter, action: Action): Verdict | Promise<Verdict> {
  const verdict = refusing(() => judge(voter, action))
  return voter.policy.reading()?.then(() => refusing(() => judge(voter, action))) ?? verdict
}

function judge({ policy, name, pack }: Voter, action: Action): Verdict {
  const judgement = policy.decide(action)
  const { rule } = judgement
  if (judgement.answer === 'deny') {
    const unproven = policy.unproven()
    if (unproven) throw unproven
    return deny(`the policy does not allow it (${rule})`, { help: wayOut(judgement, action, name), rule })
  }
  if (action.kind === 'policy.write') return judgeWrite({ policy, name, pack }, action.input as PolicyWrite, rule)
  if (judgement.answer === 'allow') return allow(rule)
  if (action.kind === 'tool.call') return ask(`the policy asks before ${action.target}`, 'tool-call', { rule })
  return ask(`the policy asks before ${action.kind} of ${action.target}`, `action:${action.kind}`, { rule })
}

/** Nobody is asked about a change that could not be made. */
function judgeWrite({ policy, name, pack }: Voter, write: PolicyWrite, rule: string): Verdict {
  const before = policy.snapshot()
  if (write.pack !== pack) return deny(`the policy of this workspace is ${pack}, not ${write.pack}`, { rule })
  if (write.previous !== before.overlay) {
    throw new ClonedError('POLICY_STALE', { pack, problem: 'the policy in force is not the one it was prepared for' })
  }
  const { rules, content } = policy.effective()
  const after = compilePolicy(pack, write.content, name)
  const tightening = rules.find(({ section, value }) => section === 'writes.tightening' && value === 'allow')
  if (tightening && !policy.unproven() && tightens(content, after.content)) return allow(tightening.at)
  const moved = before.pack === pack ? '' : `pack ${before.pack} becomes ${pack}; `
  return ask(`the policy would change: ${moved}${describeChange(rules, after.rules)}`, 'policy-write', { rule })
}

function wayOut({ rule, origin }: Judgement, { kind, target }: Action, name: string): string {
  if (origin === 'overlay') return `Change ${rule}, then: cloned policy adopt`
  if (kind !== 'tool.call') return `Give actions.${kind} another answer in ${name}, then: cloned policy adopt`
  if (rule.endsWith('.deny')) return 'Nothing lifts a denial of the pack itself: cloned policy show'
  if (rule.includes('limits.'))
    return `Give ${rule.split(' ').at(-1)} another value in ${name}, then: cloned policy adopt`
  return `Add ${target} to tools.ask or tools.allow in ${name}, then: cloned policy adopt`
}

function refusing(judged: () => Verdict): Verdict {
  try {
    return judged()
  } catch (error) {
    if (!isClonedError(error)) throw error
    return deny(error.message, { code: error.code, help: error.help })
  }
}
