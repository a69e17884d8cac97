// A policy that only the distribution can change, in the place of the packs; what nothing names is denied.
import {
  type Action,
  allow,
  ask,
  beforeAction,
  beforeSecretUse,
  beforeToolCall,
  ClonedError,
  compilePattern,
  configSchema,
  definePlugin,
  deny,
  onPolicyWrite,
  policyWrite,
  toolCall,
  toolOf,
  type Verdict,
} from 'cloned/kernel'
import { type Answer, type Policy, policySlot } from 'cloned/plugins/policy'
import { type FixedPolicyConfig, snapshotOf } from './snapshot.js'

const answer = { enum: ['allow', 'ask', 'deny'] }
const patterns = { type: 'array', items: { type: 'string', minLength: 1, maxLength: 200 }, maxItems: 10_000 }
const config = configSchema<FixedPolicyConfig>({
  type: 'object',
  properties: {
    deny: patterns,
    ask: patterns,
    allow: patterns,
    risk: {
      type: 'object',
      properties: { low: answer, medium: answer, high: answer },
      additionalProperties: false,
    },
    actions: { type: 'object', additionalProperties: answer },
  },
  additionalProperties: false,
})

/** List it with its rules, and say so: `replace: { 'cloned.policy': 'acme.policy' }`. */
export default definePlugin({
  id: 'acme.policy',
  version: '1.0.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'A policy that is part of the distribution: no file, no change at run time, default deny.',
  provides: { policy: policySlot },
  taps: [beforeToolCall, beforeAction, onPolicyWrite, beforeSecretUse],
  config,
  setup({ config, hooks }) {
    const policy = fixedPolicy(config)
    const vote = (action: Action) => verdictOf(action, policy.decide(action))
    hooks.guard(beforeToolCall, vote)
    // Every change is a new distribution; what is denied here nobody can approve.
    hooks.guard(onPolicyWrite, () => deny('the policy is part of the distribution', { rule: 'fixed', help: HELP }))
    hooks.guard(beforeAction, (action) =>
      action.kind === toolCall.id || action.kind === policyWrite.id ? undefined : vote(action),
    )
    hooks.guard(beforeSecretUse, ({ action, subject }) =>
      vote({ ...action, kind: 'secret.use', target: subject.secret }),
    )
    return { policy }
  },
})

const HELP = 'Change the configuration of "acme.policy" in the distribution.'

function fixedPolicy(config: FixedPolicyConfig): Policy {
  const snapshot = snapshotOf(config)
  const { tools, actions, limits } = snapshot
  const lists = (['deny', 'ask', 'allow'] as const).flatMap((answer) =>
    tools[answer].map((pattern) => ({ answer, matches: compilePattern(pattern), rule: `${answer}: ${pattern}` })),
  )
  function decide(action: Action): { answer: Answer; rule: string } {
    if (action.kind === policyWrite.id) return { answer: 'deny', rule: 'fixed' }
    if (action.kind !== toolCall.id) {
      const known = Object.hasOwn(actions, action.kind) ? actions[action.kind] : undefined
      return { answer: known ?? 'deny', rule: `actions.${action.kind}` }
    }
    const tool = toolOf(action)
    if (!tool || action.depth > limits.depth || tool.timeoutMs > limits.timeoutMs)
      return { answer: 'deny', rule: 'limits' }
    const listed = lists.find(({ matches }) => matches(tool.id))
    return listed ?? { answer: tools.risk[tool.risk], rule: `risk.${tool.risk}` }
  }
  return {
    snapshot: () => snapshot,
    decide(action) {
      const { answer, rule } = decide(action)
      return { answer, rule }
    },
    preview() {
      throw new ClonedError('FILE_INVALID', { path: 'overlay', line: '', problem: 'this policy takes none' })
    },
  }
}

function verdictOf({ kind, target }: Action, { answer, rule }: { answer: Answer; rule: string }): Verdict {
  if (answer === 'allow') return allow(rule)
  if (answer === 'ask') return ask(`the policy asks before ${kind} of ${target}`, `${kind} ${rule}`, { rule })
  return deny(`the policy does not allow it (${rule})`, { rule, help: HELP })
}
