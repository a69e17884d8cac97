// Reads the text of a pack or overlay into a typed document; must never hand on one that breaks a single rule.
import { ClonedError, parseYaml, readSchema } from 'cloned/kernel'
import { locate } from './lines.js'
import { problemsOf } from './problems.js'
import type { Answer, BudgetCap, EgressLists, EgressRule, PolicySnapshot } from './slot.js'

/** A built-in pack. */
export type PackName = PolicySnapshot['pack']

/** Entries by answer as a file says them. */
export type AnswerEntries = { readonly [List in 'deny' | 'ask' | 'allow']?: readonly string[] }

/** A pack or an overlay as its file says it (schemas/policy_pack.schema.json). */
export interface PolicyDocument {
  readonly version: 1
  readonly pack: PackName
  /** Of the last change; see `metadata.ts`. */
  readonly change?: object
  readonly tools?: AnswerEntries & { readonly risk?: Readonly<Partial<Record<'low' | 'medium' | 'high', Answer>>> }
  readonly capabilities?: AnswerEntries
  readonly publishers?: AnswerEntries & { readonly others?: Answer }
  readonly actions?: Readonly<Record<string, Answer>>
  readonly approvals?: {
    readonly expires?: string
    readonly self_decision?: boolean
    readonly max_pending_per_actor?: number
    readonly approvers?: readonly ApproverEntry[]
    readonly rules?: readonly ApprovalRuleEntry[]
  }
  readonly writes?: { readonly tightening?: 'ask' | 'allow' }
  readonly limits?: { readonly depth?: number; readonly timeout?: string }
  readonly ui?: { readonly origins?: readonly string[] }
  readonly budgets?: readonly CapEntry[]
  readonly egress?: {
    readonly global?: EgressEntries
    readonly connectors?: Readonly<Record<string, EgressEntries>>
    readonly tools?: Readonly<Record<string, EgressEntries>>
  }
}

/** An approver as a file says it. */
export interface ApproverEntry {
  readonly id: string
  readonly os_user?: string
  readonly key?: string
  readonly roles?: readonly string[]
}

/** A rule for approvals as a file says it. */
export interface ApprovalRuleEntry {
  readonly tools?: readonly string[]
  readonly actions?: readonly string[]
  readonly quorum?: { readonly n: number; readonly role?: string }
  readonly escalate?: { readonly after: string; readonly role: string }
  readonly grants?: 'allow' | 'deny'
}

/** Rules of one scope as a file says them. */
export type EgressEntries = { readonly [List in keyof EgressLists]?: readonly Omit<EgressRule, 'at'>[] }

/** A cap as a file says it. */
export interface CapEntry {
  readonly category: string
  readonly limit: number
  readonly window: string
  readonly per?: 'workspace' | NonNullable<BudgetCap['per']>
  readonly warn?: number
  readonly tools?: readonly string[]
}

/** Parses and checks. `path` is for the texts of errors. Throws `FILE_INVALID` with path, line and every problem. */
export function parseDocument(text: string, { path, pack }: { path: string; pack: PackName }): PolicyDocument {
  const document = parseYaml(text, { path, schema: readSchema('policy_pack') }) as unknown as PolicyDocument
  const problems = problemsOf(document, pack)
  const first = problems[0]
  if (first) {
    const line = locate(text)(first.path)
    const words = problems.map(({ path: at, problem }) => `/${at.join('/')} ${problem}`).join('; ')
    throw new ClonedError('FILE_INVALID', { path, line: line === undefined ? '' : `:${line}`, problem: words })
  }
  return document
}
