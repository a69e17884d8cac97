// Says what a way to a server has to offer, whatever it is made of; interfaces only.
import type { HandlerContext, JsonObject } from 'cloned/kernel'
import type { Peer } from './peer.js'
import type { AnswerServer } from './slot.js'

/** The action in whose name something is sent. */
export type Acting = Pick<HandlerContext, 'tool' | 'check' | 'signal' | 'callId' | 'record'>

/** What belongs to one request, on ways that keep requests apart. */
export interface Via {
  readonly ctx: Acting
  readonly answer?: AnswerServer | undefined
  /** Whose request it is. */
  readonly client?: string | undefined
  /** Headers besides, where there are any. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** How a server answered what it is; known to the way from then on. */
export interface Agreed {
  readonly version: string
  readonly modern: boolean
}

export interface Link {
  readonly peer: Peer<Via>
  /** Whether answers and questions of the server can be told apart by the request they belong to. */
  readonly separate: boolean
  /** Resolves with what was wrong, or nothing when it was told to end. */
  readonly ended: Promise<string | undefined>
  agreed(agreed: Agreed): void
  /** Sends a notification; resolves when it has left. */
  notify(method: string, params: JsonObject, via: Via | undefined): Promise<void>
  stop(): Promise<void>
  kill(problem?: string): void
}
