// Lays an overlay on a pack, each entry with the place it stands; whatever neither says must come out as a denial.
import { capKey, durationMs, type PackName, type PolicyDocument } from './document.js'
import { mergeEgress } from './egress.js'
import type { Answer, BudgetCap, EgressPolicy } from './slot.js'

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

/** Pack and overlay as one. */
export interface Merged {
  readonly pack: PackName
  readonly tools: {
    readonly deny: readonly Placed<string>[]
    readonly ask: readonly Placed<string>[]
    readonly allow: readonly Placed<string>[]
    readonly risk: Readonly<Record<(typeof RISKS)[number], Placed<Answer>>>
  }
  readonly actions: ReadonlyMap<string, Placed<Answer>>
  readonly expiresMs: Placed<number>
  readonly selfDecision: Placed<boolean>
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
  const listed = (name: (typeof LISTS)[number]): Placed<string>[] =>
    layers.flatMap(({ document, origin, where }) =>
      (document.tools?.[name] ?? []).map((value, index) => ({
        value,
        origin,
        at: where(['tools', name, index], `tools.${name}`),
      })),
    )
  const risk = (level: (typeof RISKS)[number]) =>
    first<Answer>(['tools', 'risk', level], ({ tools }) => tools?.risk?.[level], 'deny')
  const expires = first(['approvals', 'expires'], ({ approvals }) => approvals?.expires, '1h')
  return {
    pack,
    tools: {
      deny: listed('deny'),
      ask: listed('ask'),
      allow: listed('allow'),
      risk: { low: risk('low'), medium: risk('medium'), high: risk('high') },
    },
    actions: mergeActions(layers),
    expiresMs: { ...expires, value: durationMs(expires.value) },
    selfDecision: first(['approvals', 'self_decision'], ({ approvals }) => approvals?.self_decision, false),
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

function mergeCaps(layers: readonly Layer[]): Placed<BudgetCap>[] {
  const taken = new Set<string>()
  return layers.flatMap(({ document, origin, where }) => {
    const caps = (document.budgets ?? [])
      .map((cap, index) => ({ cap, index }))
      .filter(({ cap }) => !taken.has(capKey(cap)))
    // Afterwards: one document may cap the same thing in several windows.
    for (const { cap } of caps) taken.add(capKey(cap))
    return caps.map(({ cap: { category, limit, window, tools }, index }) => ({
      value: { category, limit, windowMs: durationMs(window), ...(tools === undefined ? {} : { tools }) },
      origin,
      at: where(['budgets', index], 'budgets'),
    }))
  })
}
