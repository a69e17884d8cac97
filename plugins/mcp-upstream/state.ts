// Decides which wrapped servers are the ones that were approved: what the file says counts only where the audit log has it too.
import { statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type AuditLog,
  ClonedError,
  digest,
  type HandlerContext,
  type JsonObject,
  readSchema,
  readYaml,
  tryFileLock,
  writeFileAtomic,
} from 'cloned/kernel'
import type { ServerSpec } from './slot.js'

/** One server as the file has it (schemas/mcp_servers.schema.json). */
export interface WrappedServer {
  readonly name: string
  /** The one thing that may be changed by hand: `false` switches it off. */
  readonly enabled: boolean
  readonly server: ServerSpec
  /** Digest of the list of its tools that a person has agreed to. */
  readonly tools?: string
  readonly wrapped_at: string
  readonly wrapped_by: string
  readonly call_id: string
}

/** A server of the file, and why it does not run. */
export interface KnownServer extends WrappedServer {
  readonly problem?: string
}

/** The record by which the log knows the servers that are approved. */
export const STATE_RECORD = 'mcp.state'
const LOCK_MS = 5_000
const require = createRequire(import.meta.url)
const HEAD = ` MCP servers wrapped in this workspace, as approved. Setting "enabled: false" switches one off; whatever else is
 changed here by hand keeps the server from running. They are changed by: cloned mcp wrap|enable|unwrap`

export interface StateParts {
  /** Path of mcp_servers.yaml. */
  readonly file: () => string
  /** Path of the lock that is held while it is written. */
  readonly lock: () => string
  readonly audit: Pick<AuditLog, 'latest'>
}

export class ServerState {
  readonly #parts: StateParts
  #servers: readonly KnownServer[] = []
  /** Raised each time the file was read. */
  revision = 0
  #mark = ''
  #refreshing: Promise<void> | undefined
  #path: string | undefined
  #lookedThisTurn = false

  constructor(parts: StateParts) {
    this.#parts = parts
  }

  /** As last read, sorted by name. */
  get servers(): readonly KnownServer[] {
    return this.#servers
  }

  /** Whether the file has changed since it was read. Looks once in a turn of the event loop: a call asks three times. */
  get stale(): boolean {
    if (this.#lookedThisTurn) return false
    const stale = this.#look() !== this.#mark
    if (!stale) {
      this.#lookedThisTurn = true
      setImmediate(() => {
        this.#lookedThisTurn = false
      }).unref()
    }
    return stale
  }

  /** Reads the file where it has changed. Throws `FILE_INVALID`. */
  async refresh(): Promise<void> {
    if (!this.stale) return
    this.#refreshing ??= this.#read().finally(() => {
      this.#refreshing = undefined
    })
    await this.#refreshing
  }

  /** Changes the servers, in the log first; other processes that change them wait. */
  async change(
    ctx: Pick<HandlerContext, 'record'>,
    work: (servers: readonly WrappedServer[]) => readonly WrappedServer[],
  ): Promise<void> {
    const lock = await this.#locked()
    try {
      await this.#read()
      // What was changed by hand is not approved along with something else.
      const approved = this.#servers.filter(({ problem }) => problem === undefined)
      const after = [...work(approved.map(plain))].sort((a, b) => (a.name < b.name ? -1 : 1))
      await ctx.record(STATE_RECORD, {
        servers: Object.fromEntries(after.map((each) => [each.name, entryDigest(each)])),
      })
      write(this.#parts.file(), after)
      await this.#read()
    } finally {
      lock.release()
    }
  }

  async #read(): Promise<void> {
    const mark = this.#look()
    const found = mark === '' ? [] : readFile(this.#parts.file())
    const approved = found.length === 0 ? undefined : (await this.#parts.audit.latest(STATE_RECORD))?.record['servers']
    const digests = (approved ?? {}) as JsonObject
    this.#servers = found.map((each) =>
      Object.hasOwn(digests, each.name) && digests[each.name] === entryDigest(each)
        ? each
        : { ...each, problem: 'it was changed by hand' },
    )
    this.#mark = mark
    this.revision++
  }

  async #locked(): Promise<{ release(): void }> {
    const until = Date.now() + LOCK_MS
    for (;;) {
      const lock = tryFileLock(this.#parts.lock())
      if (lock) return lock
      if (Date.now() > until) throw new ClonedError('STORE_BUSY', { ms: LOCK_MS })
      await sleep(20)
    }
  }

  #look(): string {
    this.#path ??= this.#parts.file()
    const stats = statSync(this.#path, { throwIfNoEntry: false, bigint: true })
    return stats ? `${stats.ino} ${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}` : ''
  }
}

/** Of everything that a person has agreed to, and nothing that may be changed by hand. */
function entryDigest({ name, server, tools }: WrappedServer): string {
  return digest({ name, server: server as unknown as JsonObject, tools: tools ?? null })
}

function plain({ problem: _, ...server }: KnownServer): WrappedServer {
  return server
}

function readFile(path: string): readonly WrappedServer[] {
  const { servers } = readYaml(path, readSchema('mcp_servers')) as unknown as { servers: readonly WrappedServer[] }
  const names = new Set(servers.map(({ name }) => name))
  if (names.size < servers.length) {
    throw new ClonedError('FILE_INVALID', { path, line: '', problem: 'a server stands in it twice' })
  }
  return servers
}

function write(path: string, servers: readonly WrappedServer[]): void {
  const { Document } = require('yaml') as typeof import('yaml')
  const document = new Document({ schema: 'cloned.mcp_servers/v1', servers })
  document.commentBefore = HEAD
  writeFileAtomic(path, document.toString({ lineWidth: 0 }))
}
