// Names the MCP gateway: how a host serves clients on streams or over HTTP that it has itself; interface and token only.
import type { Readable, Writable } from 'node:stream'
import { type Actor, type ActorInput, slot } from 'cloned/kernel'

/** For whom requests are served, once the host has proven it. */
export interface McpCaller {
  /** Tells one credential from another: sessions, tasks and questions of one are nobody else's. Not shown to clients. */
  readonly key: string
  /** Who acts. Absent: an agent, under the name that its client claims. */
  readonly actor?: ActorInput
  /**
   * The person before the client, whose answer there decides where the policy leaves it to whoever asked. Its `osUser` is who
   * counts, so the host must have proven it. Absent: the client is told what a call waits for, and nobody decides there.
   */
  readonly person?: Actor
  /** Whether skill packs are for it; they are when absent. Where not, it is shown none. */
  readonly skills?: boolean
}

/** Which tools clients see, and how these are called. */
export interface McpView {
  /** Only this server, exactly as it is: by the names and schemas of its own, and no tools besides. */
  readonly only?: string
}

/** The part of a request of `node:http` that is needed. */
export interface McpRequest extends AsyncIterable<Uint8Array> {
  readonly method?: string | undefined
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

/** The part of a response of `node:http` that is needed. */
export interface McpResponse {
  readonly headersSent: boolean
  readonly writableEnded: boolean
  /** Bytes that the client has not taken yet. */
  readonly writableLength: number
  writeHead(status: number, headers: Record<string, string>): unknown
  write(chunk: string): unknown
  end(chunk?: string): unknown
  destroy(): unknown
  on(event: 'close', listener: () => void): unknown
}

/** A way in for clients. */
export interface McpDoor {
  /** Serves one client with a line for every message, until its side ends or `signal` aborts. */
  lines(
    streams: { readonly input: Readable; readonly output: Writable },
    caller: McpCaller,
    signal: AbortSignal,
  ): Promise<void>
  /**
   * Answers one request of the endpoint (`/mcp`), by the Streamable HTTP transport. The host has authenticated it. `hosts`
   * are names under which the server is reached besides those of the loopback; a request that names another is refused.
   * `'checked'`: the host has itself refused what comes from elsewhere, by `Host` and by `Origin`.
   */
  http(
    request: McpRequest,
    response: McpResponse,
    caller: McpCaller & { readonly hosts?: readonly string[] | 'checked' },
  ): Promise<void>
}

export interface Mcp {
  /** Works from `onStart` on. Throws `MCP_SERVER_UNKNOWN`. What is in hand ends when the kernel drains. */
  door(view?: McpView): McpDoor
}

export const mcpSlot = slot<Mcp>('cloned.mcp', { contract: 1 })
