// Describes a governed action and its kinds; the data that guards see, and never the way to run it.
import type { AdapterOf } from './adapter.js'
import type { ActionEnded, GuardHook, ObserveHook, ReserveHook, TransformHook } from './hooks.js'
import type { Json } from './json.js'
import type { ToolContract } from './tool.js'

/** Who acts. */
export interface Actor {
  /** `user:…`, `device:…`, `agent:…` or `run:…`. */
  readonly id: string
  /** `true` when the id is only a claim of the caller (`--actor`), nothing more. */
  readonly claimed: boolean
  /**
   * Who is proven: the operating-system user of the process, unless a server has authenticated somebody else. For whoever is
   * no user of this machine it is their id (`device:…`), which no operating-system user can be called.
   */
  readonly osUser: string
}

/** An action as guards, reserves and observers see it: prepared and deep-frozen. */
export interface Action<I = Json> {
  /** Id of this attempt, unique for ever. */
  readonly callId: string
  /** Id of the kind, for example `tool.call`. */
  readonly kind: string
  /** What it acts on, for people and rules: a tool id, a policy pack, a package id. */
  readonly target: string
  readonly actor: Actor
  readonly input: I
  /** SHA-256 that binds an approval: kind, target, contract, input and actor. */
  readonly digest: string
  /** When it was prepared, milliseconds since 1970 by the kernel's clock. */
  readonly at: number
  /** Call id of the action whose handler started this one. */
  readonly parent?: string
  /** Idempotency key of the outermost action that this one serves, its own when it is that; absent where none was given. */
  readonly origin?: string
  /** 0 for an action that was not started by another. */
  readonly depth: number
  readonly dryRun: boolean
  /** Set when a stored action is resumed by an approval. */
  readonly resumed?: string
}

/** A tool call: an action with the contract of its tool. */
export interface ToolCall extends Action {
  readonly tool: ToolContract
}

/**
 * A kind of governed action. The kernel defines `tool.call` and `policy.write`; a plugin defines more by value and
 * names them in its manifest under `executes`.
 */
export interface ActionKind<I = Json, O = Json, Id extends string = string> {
  readonly id: Id
  readonly contract: number
  /** First word of its audit records: `tool` gives `tool.intent` and `tool.outcome`. */
  readonly record: string
  /** Who runs it once approved: the `caller` by repeating it, or the process that decides (`execute`). */
  readonly onApproval: 'caller' | 'execute'
  // biome-ignore lint/suspicious/noExplicitAny: kinds differ in what their handlers see
  readonly prepare?: TransformHook<any, Json>
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly guard?: GuardHook<any>
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly reserve?: ReserveHook<any>
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly filter?: TransformHook<any, any>
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly after?: ObserveHook<ActionEnded<any>>
  /** Keeps who was built for the contract before working, be it who starts an action or who executes it. */
  readonly previous?: { readonly input: AdapterOf<I>; readonly output: AdapterOf<O> }
  /** What to use instead. Whoever executes the kind gets one warning. */
  readonly deprecated?: string
  /** For the compiler only, never set. */
  readonly I?: I
  readonly O?: O
}

/** Defines a kind of governed action. `beforeAction` guards vote on every kind, besides the kind's own guard hook. */
export function actionKind<I = Json, O = Json, Id extends string = string>(
  kind: Omit<ActionKind<I, O, Id>, 'I' | 'O'>,
): ActionKind<I, O, Id> {
  return Object.freeze({ ...kind })
}

/** The tool of an action that is a tool call. */
export function toolOf(action: Action): ToolContract | undefined {
  return (action as Partial<ToolCall>).tool
}
