// Makes the policy of a workspace whose policy is not proven: nothing runs, and only a policy write may be asked for.
import { sha256 } from 'cloned/kernel'
import type { Effective } from './effective.js'
import type { Judge, Judgement } from './judge.js'
import type { AnswerLists, EgressLists } from './slot.js'

const NOBODY: AnswerLists = Object.freeze({
  deny: Object.freeze(['*']),
  ask: Object.freeze([]),
  allow: Object.freeze([]),
})
const NOWHERE: EgressLists = Object.freeze({ deny: Object.freeze([]), allow: Object.freeze([]) })
const RULE = 'nothing is proven to be in force'
const DENIED: Judgement = Object.freeze({ answer: 'deny', rule: RULE, origin: 'default' })
const ASKED: Judgement = Object.freeze({ answer: 'ask', rule: RULE, origin: 'default' })

/** Who may decide stays as `base` says it, the last policy that is known: else the way out would be a way round it. */
export function closedPolicy({ content, judge, rules }: Effective): Effective {
  const risk = Object.freeze({ low: 'deny', medium: 'deny', high: 'deny' } as const)
  return {
    rules,
    judge: closedJudge(judge),
    content: Object.freeze({
      ...content,
      digest: sha256(`closed ${content.digest}`),
      tools: Object.freeze({ ...NOBODY, risk }),
      capabilities: NOBODY,
      publishers: Object.freeze({ ...NOBODY, others: 'deny' } as const),
      actions: Object.freeze({ '*': 'deny', 'policy.write': 'ask' } as const),
      writes: Object.freeze({ tightening: 'ask' } as const),
      ui: Object.freeze({ origins: Object.freeze([]) }),
      egress: Object.freeze({ global: NOWHERE, connectors: Object.freeze({}), tools: Object.freeze({}) }),
    }),
  }
}

function closedJudge(base: Judge): Judge {
  return {
    tool: () => DENIED,
    action: (action) => {
      if (action.kind !== 'policy.write') return DENIED
      const own = base.action(action)
      return own.answer === 'deny' ? own : ASKED
    },
  }
}
