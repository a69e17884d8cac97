// Names what is known of programs that use tools: which there are, and where they keep their servers; holds no rules.
import { slot } from 'cloned/kernel'
import type { Path } from './documents/edit.js'

/** Programs whose configuration is known. */
export const CLIENT_IDS = [
  'claude-code',
  'claude-desktop',
  'cursor',
  'vscode',
  'codex',
  'gemini',
  'windsurf',
  'opencode',
] as const

export type ClientId = (typeof CLIENT_IDS)[number]

/** What the ids of clients' own tools begin with. They are called by the clients themselves, and shown to none. */
export const NATIVE = 'native.'

/** How a client writes a server down. */
export type Dialect = 'usual' | 'codex' | 'opencode'

/** One map of servers in one file. */
export interface Place {
  /** `undefined`: a file that somebody named. */
  readonly client: ClientId | undefined
  /** `project`: it may have come with somebody else's files. */
  readonly scope: 'user' | 'project'
  /** Absolute. */
  readonly path: string
  readonly format: 'json' | 'toml'
  /** Where the map stands. */
  readonly root: Path
  /** Where the entry of the gateway goes; `root` where it is the same. */
  readonly entryRoot: Path
  readonly dialect: Dialect
}

/** Answers the hooks of clients from a process that runs anyway, so that they need not start a kernel of their own. */
export interface HookDoor {
  /** From now on until the kernel stops, on a socket that only this user can reach. Legal twice. Never throws. */
  open(): void
}

export const hookDoorSlot = slot<HookDoor>('cloned.hook-door', { contract: 1 })
