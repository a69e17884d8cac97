// Signs what a client is to bring back with its answers; a state that was changed, is another's or too old must never pass.
import { timingSafeEqual } from 'node:crypto'
import type { MacKey } from '../keys/slot.js'
import { CODES, isObject, RpcError } from './rpc.js'

/** What a state is bound to. */
export interface Bound {
  readonly method: string
  /** The tool, prompt or resource. */
  readonly target: string
  /** SHA-256 of the canonical arguments. */
  readonly args: string
  /** For whom it was made. */
  readonly credential: string
}

export interface State extends Bound {
  /** The work that waits. */
  readonly running: string
  /** Good for this turn only. */
  readonly round: number
  /** The approval that the work waits for; with it the call can be made again when the work is gone. */
  readonly approval?: string
  /** Milliseconds since 1970. */
  readonly expires: number
}

const LABEL = 'cloned.mcp.state.v1\0'
const MAX_LENGTH = 4096

export function writeState(key: MacKey, state: State): string {
  const body = Buffer.from(JSON.stringify(state)).toString('base64url')
  return `${body}.${key.mac(LABEL + body)}`
}

/** Throws -32602 for everything but a state that was written with this key, is not over and is bound to this. */
export function readState(key: MacKey, text: unknown, bound: Bound, now: number): State {
  const refused = () =>
    new RpcError(CODES.invalidParams, 'Invalid params: "requestState" is not valid for this request')
  if (typeof text !== 'string' || text.length > MAX_LENGTH) throw refused()
  const dot = text.indexOf('.')
  const body = text.slice(0, dot)
  const given = Buffer.from(text.slice(dot + 1))
  const right = Buffer.from(key.mac(LABEL + body))
  if (dot < 0 || given.length !== right.length || !timingSafeEqual(given, right)) throw refused()
  const state: unknown = JSON.parse(Buffer.from(body, 'base64url').toString())
  if (!isObject(state)) throw refused()
  const read = state as unknown as State
  const same = (['method', 'target', 'args', 'credential'] as const).every((part) => read[part] === bound[part])
  if (!same || read.expires <= now) throw refused()
  return read
}
