// Remembers which call of the gate let a client's tool through, until the client says what came of it.
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { digest, privateDirectory, readPrivateFile, writeFileAtomic } from 'cloned/kernel'
import type { HookEvent, Hooked } from './formats.js'

/** A client that never says what came of a call is not waited for. */
const KEPT_MS = 7 * 24 * 60 * 60 * 1000
const CALL_ID = /^[\w-]{1,100}$/

/** One small file for each use, by a name that both hooks can work out. */
export class NativeUses {
  readonly #directory: () => string
  readonly #now: () => number

  constructor(directory: () => string, now: () => number) {
    this.#directory = directory
    this.#now = now
  }

  remember(client: Hooked, event: HookEvent, callId: string): void {
    mkdirSync(join(this.#directory(), '..'), { recursive: true })
    privateDirectory(this.#directory())
    writeFileAtomic(this.#path(client, event), callId)
  }

  /** Answers and forgets the call; `undefined` when none was let through. */
  take(client: Hooked, event: HookEvent): string | undefined {
    const path = this.#path(client, event)
    const callId = readPrivateFile(path, { maxBytes: 200 })?.toString('utf8')
    if (callId === undefined || !CALL_ID.test(callId)) return undefined
    rmSync(path)
    this.#tidy()
    return callId
  }

  #path(client: Hooked, { session, use, tool, input }: HookEvent): string {
    return join(this.#directory(), digest(use === undefined ? [client, session, tool, input] : [client, session, use]))
  }

  #tidy(): void {
    for (const name of readdirSync(this.#directory())) {
      const path = join(this.#directory(), name)
      const stats = statSync(path, { throwIfNoEntry: false })
      if (stats && stats.mtimeMs < this.#now() - KEPT_MS) rmSync(path, { force: true })
    }
  }
}
