// Finds what is wrong with a document although it fits the schema; must name every problem, not only the first.
import type { PackName, PolicyDocument } from './document.js'
import { capKey, durationMs } from './terms.js'

/** What is wrong, and where. */
export interface Problem {
  readonly path: readonly (string | number)[]
  readonly problem: string
}

export function problemsOf(document: PolicyDocument, pack: PackName): readonly Problem[] {
  return [
    ...wrongPack(document, pack),
    ...wrongActions(document),
    ...repeatedCaps(document),
    ...aboutNothing(document),
    ...sharedApprovers(document),
    ...outOfReach(document),
  ]
}

function wrongPack(document: PolicyDocument, pack: PackName): Problem[] {
  if (document.pack === pack) return []
  return [{ path: ['pack'], problem: `must be ${pack}, the pack that this file lies on` }]
}

function wrongActions({ actions = {} }: PolicyDocument): Problem[] {
  const problems: Problem[] = []
  if (Object.hasOwn(actions, 'tool.call')) {
    problems.push({ path: ['actions', 'tool.call'], problem: 'is not a place for tool calls: use tools' })
  }
  // Else one careless line would let whoever may call the gate rewrite every other rule unasked.
  if (Object.hasOwn(actions, 'policy.write') && actions['policy.write'] === 'allow') {
    problems.push({ path: ['actions', 'policy.write'], problem: 'must be ask or deny' })
  }
  return problems
}

function repeatedCaps({ budgets = [] }: PolicyDocument): Problem[] {
  const keys = budgets.map((cap) => `${capKey(cap)} ${durationMs(cap.window)}`)
  return repeated(keys).map((index) => ({
    path: ['budgets', index],
    problem: 'repeats a cap of the same category, tools, window and per',
  }))
}

function aboutNothing({ approvals: { approvers = [], rules = [] } = {} }: PolicyDocument): Problem[] {
  return [
    ...approvers.flatMap(({ os_user: user, key }, index) =>
      user === undefined && key === undefined ? [at('approvers', index, 'needs os_user or key')] : [],
    ),
    ...rules.flatMap(({ tools = [], actions = [] }, index) => {
      if (actions.includes('tool.call'))
        return [at('rules', index, 'names tool.call under actions: name the tools instead, as in tools: ["*"]')]
      return tools.length + actions.length === 0 ? [at('rules', index, 'needs tools or actions')] : []
    }),
  ]
}

function at(list: string, index: number, problem: string): Problem {
  return { path: ['approvals', list, index], problem }
}

/** Two approvers with one key or one user would be one person who makes a quorum of two. */
function sharedApprovers({ approvals: { approvers = [] } = {} }: PolicyDocument): Problem[] {
  return (['id', 'os_user', 'key'] as const).flatMap((field) =>
    repeated(approvers.map((approver) => approver[field])).map((index) => ({
      path: ['approvals', 'approvers', index, field],
      problem: 'belongs to another approver already',
    })),
  )
}

/** A decision that nobody could ever make would close what it is about, the policy itself included. */
function outOfReach({ approvals: { approvers = [], rules = [] } = {} }: PolicyDocument): Problem[] {
  const having = (role: string | undefined) =>
    approvers.filter(({ roles = [] }) => role === undefined || roles.includes(role)).length
  return rules.flatMap(({ quorum, escalate }, index): Problem[] => {
    const problems: Problem[] = []
    const path = ['approvals', 'rules', index]
    if (quorum && having(quorum.role) < quorum.n && (quorum.role !== undefined || approvers.length > 0)) {
      const whom = quorum.role === undefined ? 'approvers are listed' : `approvers have the role ${quorum.role}`
      problems.push({ path: [...path, 'quorum'], problem: `cannot be reached: fewer than ${quorum.n} ${whom}` })
    }
    if (escalate && having(escalate.role) === 0) {
      problems.push({
        path: [...path, 'escalate'],
        problem: `leads nowhere: no approver has the role ${escalate.role}`,
      })
    }
    return problems
  })
}

/** Where values stand that stood before; absent ones never repeat. */
function repeated(values: readonly (string | undefined)[]): number[] {
  return values.flatMap((value, index) => (value !== undefined && values.indexOf(value) < index ? [index] : []))
}
