// What a hook and a gateway say to each other over a private socket, one line each; imports nothing, so that a hook can ask early.
import type { Stats } from 'node:fs'

/** Directory of the sockets in `.cloned`, one for each gateway that runs. */
export const SOCKETS = 'hooks'
/** Name of a socket in it. */
export const SOCKET = /^[0-9a-f]{8}$/
/** Longer paths would be cut off by the system, and name another file. */
export const MAX_PATH = 100
/** A hook's event has at most 16 MiB, every byte at most six in JSON. */
export const MAX_LINE = 100 * 1024 * 1024
/** The most that a client tells its hook. */
export const MAX_EVENT = 16 * 1024 * 1024

/** What a hook was told, and where it runs. */
export interface HookRequest {
  readonly version: 1
  /** The file of the program that the client started. */
  readonly program: string
  /** Name of the client, as typed. */
  readonly client: string
  /** What stood on standard input. */
  readonly event: string
  readonly where: HookWhere
}

/** Absolute paths; those of the client's environment that say where it keeps its files. */
export interface HookWhere {
  readonly cwd: string
  readonly home: string
  readonly configHome?: string
  readonly appData?: string
  readonly claudeHome?: string
  readonly codexHome?: string
}

/** Without `answer` the gateway is not the one for this hook. No reply at all: it could not judge. */
export interface HookReply {
  readonly answer?: { readonly [key: string]: unknown }
}

/** Whether only this user can have made it, or speak through it. */
export function isOwn({ uid, mode }: Stats): boolean {
  return uid === process.getuid?.() && (mode & 0o077) === 0
}
