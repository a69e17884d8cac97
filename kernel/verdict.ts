// Makes, checks and folds votes; anything unclear is a denial and must never fold into an allow.

/** A guard lets the action through. It counts only from plugins that the distribution's `mayAllow` lists. */
export interface Allow {
  readonly effect: 'allow'
  /** The rule that allows, as a person finds it. */
  readonly rule?: string
}

/** A guard wants a person to decide. */
export interface Ask {
  readonly effect: 'ask'
  /** One sentence that a person reads before deciding. */
  readonly reason: string
  /** Stable name of this question; an approval satisfies later asks of the same plugin and key only. */
  readonly key: string
  readonly rule?: string
}

/** A guard refuses. */
export interface Deny {
  readonly effect: 'deny'
  readonly reason: string
  /** Stable code of the refusal; `DENIED` when absent. */
  readonly code?: string
  /** The one command that would change the answer. */
  readonly help?: string
  readonly rule?: string
}

/** What a guard may answer; nothing (`undefined`) is an abstention. */
export type Verdict = Allow | Ask | Deny

/** Votes for the action. */
export function allow(rule?: string): Allow {
  return rule === undefined ? { effect: 'allow' } : { effect: 'allow', rule }
}

/** Votes that a person decides. `key` names the question and must not change between two votes on the same matter. */
export function ask(reason: string, key: string, details: { rule?: string } = {}): Ask {
  return { effect: 'ask', reason, key, ...details }
}

/** Votes against the action; one deny is final. */
export function deny(reason: string, details: { code?: string; help?: string; rule?: string } = {}): Deny {
  return { effect: 'deny', reason, ...details }
}

/** One line of a ballot: who voted what and why. */
export interface Vote {
  readonly plugin: string
  readonly hook: string
  readonly effect: 'allow' | 'ask' | 'deny' | 'abstain'
  readonly reason?: string
  readonly key?: string
  readonly code?: string
  readonly help?: string
  readonly rule?: string
  /** `false` on an allow of a plugin that may not allow: it is listed and treated as an abstention. */
  readonly counted?: false
}

/** What a ballot folds into. */
export type Fold =
  | { readonly effect: 'allow'; readonly by: readonly Vote[] }
  | { readonly effect: 'ask'; readonly by: readonly Vote[] }
  | { readonly effect: 'deny'; readonly by: readonly Vote[] }

const OPTIONAL_TEXTS = ['rule', 'help', 'code'] as const

/**
 * Reads a verdict by its shape. Returns `undefined` for an abstention and `'invalid'` for anything that is neither;
 * hostile getters may throw out of here, so the caller treats a throw as invalid too.
 */
export function parseVerdict(answer: unknown): Verdict | undefined | 'invalid' {
  if (answer === undefined) return undefined
  if (answer === null || typeof answer !== 'object') return 'invalid'
  const read = (key: string): unknown =>
    Object.hasOwn(answer, key) ? (answer as Record<string, unknown>)[key] : undefined
  const texts: { rule?: string; help?: string; code?: string } = {}
  for (const key of OPTIONAL_TEXTS) {
    const text = read(key)
    if (text === undefined) continue
    if (typeof text !== 'string') return 'invalid'
    texts[key] = text
  }
  const effect = read('effect')
  if (effect === 'allow') return { effect, ...texts }
  const reason = read('reason')
  if (typeof reason !== 'string' || reason === '') return 'invalid'
  if (effect === 'deny') return { effect, reason, ...texts }
  const key = read('key')
  if (effect === 'ask' && typeof key === 'string' && key !== '') return { effect, reason, key, ...texts }
  return 'invalid'
}

/**
 * Folds a complete ballot: deny > ask > allow, and no counted allow is a deny with an empty `by`.
 * An ask alone does not allow: somebody who may allow has to vote allow or ask.
 */
export function fold(ballot: readonly Vote[], mayAllow: ReadonlySet<string>): Fold {
  const by: Record<Vote['effect'], Vote[]> = { deny: [], ask: [], allow: [], abstain: [] }
  for (const vote of ballot) by[vote.effect].push(vote)
  if (by.deny.length > 0) return { effect: 'deny', by: by.deny }
  const asks = by.ask
  const allows = by.allow.filter((vote) => mayAllow.has(vote.plugin))
  const baseline = allows.length > 0 || asks.some((vote) => mayAllow.has(vote.plugin))
  if (!baseline) return { effect: 'deny', by: [] }
  return asks.length > 0 ? { effect: 'ask', by: asks } : { effect: 'allow', by: allows }
}
