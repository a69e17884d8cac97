// Lays an overlay on a pack, each entry with the place it stands; whatever neither says must come out as a denial.
import { mergeApprovalRules, mergeApprovers } from './approvals.js'
import { mergeCaps } from './caps.js'
import type { AnswerEntries, PackName, PolicyDocument } from './document.js'
import { mergeEgress } from './egress.js'
import type { Answer, ApprovalRule, Approver, BudgetCap, EgressPolicy } from './slot.js'
import { durationMs } from './terms.js'

/** The risks a tool can declare. */
export const RISKS = ['low', 'medium', 'high'] as const
/** The lists of tools, in the order in which they are asked. */
export const LISTS = ['deny', 'ask', 'allow'] as const

/** Which of the files an entry comes from; `default` when no file says anything. */
export type Origin = 'overlay' | 'pack' | 'default'

/** An entry and where a person finds it. */
export interface Placed<T> {
  readonly value: T
  readonly origin: Origin
  /** `personal pack: tools.risk.high`, `.cloned/policy/personal.yaml:12 tools.deny`. */
  readonly at: string
}

/** A document with the name of its places. */
export interface Layer {
  readonly document: PolicyDocument
  readonly origin: 'overlay' | 'pack'
  /** Words the place of the value at this path, named as `as`. */
  where(path: readonly (string | number)[], as: string): string
}

/** Entries by answer. */
export type PlacedLists = Readonly<Record<(typeof LISTS)[number], readonly Placed<string>[]>>

/** Pack and overlay as one. */
export interface Merged {
  readonly pack: PackName
  readonly tools: PlacedLists & { readonly risk: Readonly<Record<(typeof RISKS)[number], Placed<Answer>>> }
  readonly capabilities: PlacedLists
  readonly publishers: PlacedLists & { readonly others: Placed<Answer> }
  readonly actions: ReadonlyMap<string, Placed<Answer>>
  readonly expiresMs: Placed<number>
  readonly selfDecision: Placed<boolean>
  readonly maxPending: Placed<number>
  readonly approvers: readonly Placed<Approver>[]
  readonly approvalRules: readonly Placed<ApprovalRule>[]
  readonly tightening: Placed<'ask' | 'allow'>
  readonly depth: Placed<number>
  readonly timeoutMs: Placed<number>
  readonly origins: readonly Placed<string>[]
  readonly budgets: readonly Placed<BudgetCap>[]
  readonly egress: EgressPolicy
}

/** Merges. `layers` are the overlay, when there is one, and the pack, in this order: the earlier one wins. */
export function merge(pack: PackName, layers: readonly Layer[]): Merged {
  const first = <T>(path: readonly string[], read: (document: PolicyDocument) => T | undefined, none: T): Placed<T> => {
    for (const layer of layers) {
      const value = read(layer.document)
      if (value !== undefined) return { value, origin: layer.origin, at: layer.where(path, path.join('.')) }
    }
    return { value: none, origin: 'default', at: `no rule: ${path.join('.')}` }
  }
  const every = (path: readonly string[], read: (document: PolicyDocument) => readonly string[] | undefined) =>
    layers.flatMap(({ document, origin, where }) =>
      (read(document) ?? []).map(
        (value, index): Placed<string> => ({ value, origin, at: where([...path, index], path.join('.')) }),
      ),
    )
  const lists = (section: string, read: (document: PolicyDocument) => AnswerEntries | undefined): PlacedLists => ({
    deny: every([section, 'deny'], (document) => read(document)?.deny),
    ask: every([section, 'ask'], (document) => read(document)?.ask),
    allow: every([section, 'allow'], (document) => read(document)?.allow),
  })
  const duration = (path: readonly string[], read: (document: PolicyDocument) => string | undefined, none: string) => {
    const found = first(path, read, none)
    return { ...found, value: durationMs(found.value) }
  }
  const risk = (level: (typeof RISKS)[number]) =>
    first<Answer>(['tools', 'risk', level], ({ tools }) => tools?.risk?.[level], 'deny')
  const approval = <T>(
    name: string,
    read: (given: NonNullable<PolicyDocument['approvals']>) => T | undefined,
    none: T,
  ) => first(['approvals', name], ({ approvals }) => approvals && read(approvals), none)
  return {
    pack,
    tools: {
      ...lists('tools', ({ tools }) => tools),
      risk: { low: risk('low'), medium: risk('medium'), high: risk('high') },
    },
    capabilities: lists('capabilities', ({ capabilities }) => capabilities),
    publishers: {
      ...lists('publishers', ({ publishers }) => publishers),
      others: first<Answer>(['publishers', 'others'], ({ publishers }) => publishers?.others, 'deny'),
    },
    actions: mergeActions(layers),
    expiresMs: duration(['approvals', 'expires'], ({ approvals }) => approvals?.expires, '1h'),
    selfDecision: approval('self_decision', (given) => given.self_decision, false),
    maxPending: approval('max_pending_per_actor', (given) => given.max_pending_per_actor, 50),
    approvers: mergeApprovers(layers),
    approvalRules: mergeApprovalRules(layers),
    tightening: first(['writes', 'tightening'], ({ writes }) => writes?.tightening, 'ask'),
    depth: first(['limits', 'depth'], ({ limits }) => limits?.depth, 0),
    timeoutMs: duration(['limits', 'timeout'], ({ limits }) => limits?.timeout, '1m'),
    origins: every(['ui', 'origins'], ({ ui }) => ui?.origins),
    budgets: mergeCaps(layers),
    egress: mergeEgress(layers),
  }
}

function mergeActions(layers: readonly Layer[]): Map<string, Placed<Answer>> {
  const actions = new Map<string, Placed<Answer>>()
  for (const { document, origin, where } of layers) {
    for (const [kind, value] of Object.entries(document.actions ?? {})) {
      if (!actions.has(kind)) actions.set(kind, { value, origin, at: where(['actions', kind], `actions.${kind}`) })
    }
  }
  return actions
}
