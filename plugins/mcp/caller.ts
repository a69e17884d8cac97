// Says what a request knows of whoever sent it and how to reach them meanwhile; interfaces only.
import type { Json, JsonObject } from 'cloned/kernel'
import type { ClientAbout } from './eras.js'
import type { RequestId } from './rpc.js'
import type { McpCaller } from './slot.js'

/** From whom requests come, once that is known: what answers are bound to, so that nobody else's are given out. */
export type Credential = McpCaller

/** One request in hand. */
export interface Scope {
  readonly id: RequestId
  readonly params: JsonObject
  readonly credential: Credential
  readonly client: ClientAbout
  readonly modern: boolean
  /** Aborts when the client has cancelled, or is gone. */
  readonly signal: AbortSignal
  /** Tells the client something that belongs to this request; after its answer, nothing. */
  notify(method: string, params: JsonObject): void
  /** Asks the client and waits for its answer. Only where a revision with sessions is spoken. */
  readonly ask?: (method: string, params: Json, signal: AbortSignal) => Promise<Json>
  /** What is told beside requests, and until when: the session, or this request alone. */
  readonly listener: Listener
}

/** Whoever hears what servers say of their own accord. */
export interface Listener {
  /** The `key` of its credential. */
  readonly client: string
  /** The least important level of log messages; `undefined`: none. */
  logLevel: string | undefined
  /** Resources that it wants to hear of, by URI: the server that each is of. */
  readonly resources: Map<string, string>
  hear(method: string, params: JsonObject): void
}

/** Answers one method. */
export type Handler = (params: JsonObject, scope: Scope) => Promise<JsonObject>
export type Handlers = Readonly<Record<string, Handler>>
