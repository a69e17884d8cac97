// Defines hook tokens and the hooks that the kernel itself fires; a token names a moment and must never hold handlers.
import type { Action, ToolCall } from './action.js'
import type { AdapterOf } from './adapter.js'
import type { ApprovalRequest } from './contracts.js'
import type { Json } from './json.js'
import type { Outcome } from './outcome.js'

/** What a hook says besides its id and its contract. */
export interface HookOptions<Subject> {
  /** Keeps handlers that were built for the contract before working. */
  readonly previous?: AdapterOf<Subject>
  /** What to use instead. Whoever uses the hook gets one warning. */
  readonly deprecated?: string
}

interface HookToken<Kind extends HookKind, Subject, Id extends string> extends HookOptions<Subject> {
  readonly kind: Kind
  readonly id: Id
  readonly contract: number
  /** For the compiler only, never set. */
  readonly Subject?: Subject
}

/** The six kinds of moment. What a handler may return follows from the kind. */
export type HookKind = 'transform' | 'guard' | 'check' | 'reserve' | 'notify' | 'observe'

/** May return a new value, or nothing to keep it. A failure denies the action or withholds the result. */
export interface TransformHook<Subject, Out, Id extends string = string> extends HookToken<'transform', Subject, Id> {
  readonly Out?: Out
  /** As `previous`, for what a handler returns. */
  readonly answers?: AdapterOf<Out>
}
/** Votes on a frozen action. A failure is a deny vote. */
export interface GuardHook<Subject, Id extends string = string> extends HookToken<'guard', Subject, Id> {}
/** Votes inside a running action, often and synchronously first. A failure, and an ask, is a deny. */
export interface CheckHook<Subject, Id extends string = string> extends HookToken<'check', Subject, Id> {}
/** Takes something countable before the action runs and settles it after. A failure denies the action. */
export interface ReserveHook<Subject, Id extends string = string> extends HookToken<'reserve', Subject, Id> {}
/** Delivers something to a person. A failure means that this channel did not deliver. */
export interface NotifyHook<Subject, Id extends string = string> extends HookToken<'notify', Subject, Id> {}
/** Hears of something that has happened. A failure is logged and changes nothing. */
export interface ObserveHook<Subject, Id extends string = string> extends HookToken<'observe', Subject, Id> {}

/** Any hook token. */
export type Hook<Id extends string = string> =
  // biome-ignore lint/suspicious/noExplicitAny: subjects differ from hook to hook; `any` lets a list of them be inferred
  | TransformHook<any, any, Id>
  // biome-ignore lint/suspicious/noExplicitAny: as above
  | GuardHook<any, Id>
  // biome-ignore lint/suspicious/noExplicitAny: as above
  | CheckHook<any, Id>
  // biome-ignore lint/suspicious/noExplicitAny: as above
  | ReserveHook<any, Id>
  // biome-ignore lint/suspicious/noExplicitAny: as above
  | NotifyHook<any, Id>
  // biome-ignore lint/suspicious/noExplicitAny: as above
  | ObserveHook<any, Id>

const token = <K extends HookKind, Id extends string, O extends object>(
  kind: K,
  id: Id,
  contract: number,
  options: O,
) => Object.freeze({ kind, id, contract, ...options })

/** Defines a hook. Name it by the grammar: `prepareX`, `beforeX`, `reserveX`, `filterX`, `onX…Requested`, `afterX`. */
export const defineHook = {
  transform: <Subject, Out, Id extends string>(
    id: Id,
    contract = 1,
    options: HookOptions<Subject> & { readonly answers?: AdapterOf<Out> } = {},
  ): TransformHook<Subject, Out, Id> => token('transform', id, contract, options),
  guard: <Subject, Id extends string>(
    id: Id,
    contract = 1,
    options: HookOptions<Subject> = {},
  ): GuardHook<Subject, Id> => token('guard', id, contract, options),
  check: <Subject, Id extends string>(
    id: Id,
    contract = 1,
    options: HookOptions<Subject> = {},
  ): CheckHook<Subject, Id> => token('check', id, contract, options),
  reserve: <Subject, Id extends string>(
    id: Id,
    contract = 1,
    options: HookOptions<Subject> = {},
  ): ReserveHook<Subject, Id> => token('reserve', id, contract, options),
  notify: <Subject, Id extends string>(
    id: Id,
    contract = 1,
    options: HookOptions<Subject> = {},
  ): NotifyHook<Subject, Id> => token('notify', id, contract, options),
  observe: <Subject, Id extends string>(
    id: Id,
    contract = 1,
    options: HookOptions<Subject> = {},
  ): ObserveHook<Subject, Id> => token('observe', id, contract, options),
}

/** What leaves a tool: its output, the message of its error, or a progress message. All pass the same filters. */
export interface ResultSubject {
  readonly call: ToolCall
  readonly part: 'output' | 'error' | 'progress'
  readonly value: Json
}

/** A filter's answer that keeps the result from the caller. */
export interface Withhold {
  readonly withhold: string
}

/** A filter's answer that puts another value in the place of the result. */
export interface ReplaceResult {
  readonly value: Json
}

/** What observers of an action hear. */
export interface ActionEnded<A extends Action = Action> {
  readonly action: A
  readonly outcome: Outcome
}

/** May rewrite the input of a tool call before anybody judges it. Deterministic, without side effects. */
export const prepareToolCall = defineHook.transform<ToolCall, Json, 'prepareToolCall'>('prepareToolCall')
/** Votes on a tool call. */
export const beforeToolCall = defineHook.guard<ToolCall, 'beforeToolCall'>('beforeToolCall')
/** Votes on every kind of governed action, tool calls and policy writes included. */
export const beforeAction = defineHook.guard<Action, 'beforeAction'>('beforeAction')
/** Votes on a write of the policy. */
export const onPolicyWrite = defineHook.guard<Action, 'onPolicyWrite'>('onPolicyWrite')
/** Takes budgets and rate limits for a tool call. */
export const reserveToolCall = defineHook.reserve<ToolCall, 'reserveToolCall'>('reserveToolCall')
/** May replace or withhold what a tool answers, its errors and progress included. */
export const filterToolResult = defineHook.transform<ResultSubject, ReplaceResult | Withhold, 'filterToolResult'>(
  'filterToolResult',
)
/** Delivers an approval request to a person. Return `true` when it was delivered. */
export const onApprovalRequested = defineHook.notify<ApprovalRequest, 'onApprovalRequested'>('onApprovalRequested')
/** Hears of a decision on an approval request. */
export const onApprovalDecided = defineHook.observe<ApprovalRequest, 'onApprovalDecided'>('onApprovalDecided')
/** Hears how a tool call ended. */
export const afterToolCall = defineHook.observe<ActionEnded<ToolCall>, 'afterToolCall'>('afterToolCall')
/** Hears how a policy write ended. */
export const afterPolicyWrite = defineHook.observe<ActionEnded, 'afterPolicyWrite'>('afterPolicyWrite')
/** Hears how any governed action ended. */
export const afterAction = defineHook.observe<ActionEnded, 'afterAction'>('afterAction')
/** Hears that every plugin has started and recovery is done. */
export const onReady = defineHook.observe<{ readonly instance: string }, 'onReady'>('onReady')

/** An outgoing connection that a handler wants to make. */
export interface EgressSubject {
  readonly url: string
  /** `CONNECT`: a connection in which anything may be said to that host. */
  readonly method: string
  /** The connector on whose behalf it is made; rules of the policy may be its own. */
  readonly connector?: string
  /** The tool on whose behalf it is made, in an action that is no tool call; in a tool call it is that tool's. */
  readonly tool?: string
}
/** Votes on an outgoing connection of a running action. */
export const beforeEgress = defineHook.check<{ action: Action; subject: EgressSubject }, 'beforeEgress'>('beforeEgress')
/** A secret that is about to be bound into a request. */
export interface SecretUseSubject {
  readonly secret: string
  readonly host: string
  readonly slot: string
}
/** Votes on the use of a secret by a running action. */
export const beforeSecretUse = defineHook.check<{ action: Action; subject: SecretUseSubject }, 'beforeSecretUse'>(
  'beforeSecretUse',
)

/** The hooks that the kernel fires. */
export const KERNEL_HOOKS: readonly Hook[] = [
  prepareToolCall,
  beforeToolCall,
  beforeAction,
  onPolicyWrite,
  beforeEgress,
  beforeSecretUse,
  reserveToolCall,
  filterToolResult,
  onApprovalRequested,
  onApprovalDecided,
  afterToolCall,
  afterPolicyWrite,
  afterAction,
  onReady,
]
