// Names the MCP servers behind the gateway and how their messages are relayed; interfaces and token only.
import { type ActorInput, actionKind, type Json, type JsonObject, slot } from 'cloned/kernel'

/**
 * What a server asks of whoever is its client: elicitation, sampling, roots. `key` is the name under which it asked, where it
 * asked by `input_required`. Rejects with an {@link UpstreamError}.
 */
export type AnswerServer = (method: string, params: Json, signal: AbortSignal, key?: string) => Promise<Json>

/** How one request is relayed. */
export interface RelayOptions {
  readonly signal?: AbortSignal
  /** Milliseconds until it is given up on and cancelled; 60 s when absent. */
  readonly deadlineMs?: number
  /** Parameters of `notifications/progress`, as the server wrote them. */
  readonly onProgress?: (params: JsonObject) => void
  /** Answers what the server asks meanwhile. Absent: it is told that the client cannot. */
  readonly answer?: AnswerServer
  /**
   * Tells one client from another. Requests of one may answer for each other where a server does not say for which of them it
   * asks; without it, each is for itself.
   */
  readonly client?: string
  /** Who asks; the user of the process when absent. */
  readonly actor?: ActorInput
}

/** The error object that a server answered, as it wrote it. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError'
  readonly code: number
  readonly data: Json | undefined

  constructor(code: number, message: string, data?: Json) {
    super(message)
    this.code = code
    this.data = data
  }
}

/** A tool of a server that is pinned and enabled. */
export interface UpstreamTool {
  /** Canonical: `mcp.<server>.<tool>@v1`. */
  readonly id: string
  /** As its server lists it, unknown fields included. */
  readonly contract: JsonObject
}

/** A server that was wrapped. */
export interface UpstreamServer {
  /** One word of lower-case letters, digits, `-` and `_`. */
  readonly name: string
  /** What it answered to `initialize` or `server/discover`: capabilities, server information, instructions. */
  readonly about: JsonObject | undefined
  /** What clients may be shown; tools that are quarantined or not yet enabled are not in it. */
  readonly tools: readonly UpstreamTool[]
}

/** A notification of a server that answers no request: a changed list, an updated resource, a log message. */
export interface UpstreamNotice {
  readonly server: string
  readonly method: string
  readonly params: JsonObject
  /**
   * The `client` whose request it belongs to: of a server over HTTP that of the request it came with; of one over standard
   * streams the only one that has asked it anything since its start. Absent where nobody can tell: then it is nobody's.
   */
  readonly client?: string
}

export interface Upstreams {
  /** Every wrapped server; of one that has not run yet, what is known from the last time. */
  servers(): readonly UpstreamServer[]
  /**
   * Relays a request that is not `tools/call` (those go through the gate) and its answer, nothing added, nothing left out.
   * Each is an action of kind `mcp.request`, recorded, its answer scrubbed. Starts the server where it does not run.
   * Rejects with {@link UpstreamError} for what the server answered, and with the code {@link REFUSED} where the gate
   * did not let it through or it did not come to a good end.
   */
  request(server: string, method: string, params: JsonObject, options?: RelayOptions): Promise<JsonObject>
  /** Relays a notification of the client, such as `notifications/roots/list_changed`, where the server runs. */
  notify(server: string, method: string, params: JsonObject): void
  /** Tells what servers say of their own accord, until it is called off. */
  onNotice(listener: (notice: UpstreamNotice) => void): () => void
  /**
   * Who answers what servers ask during a tool call of this id (`call_id`), and hears of its progress, until it is called
   * off. The gate stands between a client and the tool, so this is how both find each other.
   */
  attend(callId: string, options: Pick<RelayOptions, 'answer' | 'client' | 'onProgress'>): () => void
}

/**
 * What stands before the number, without its sign, in the code of a call that its server answered with an error of the
 * protocol: `MCP_ERROR_32603`. Its reason is the server's message. The client is answered with the same error.
 */
export const PROTOCOL_ERROR = 'MCP_ERROR_'

/** Code of the error of a relayed request that the gate refused; `data` holds `code` and `help`. */
export const REFUSED = -32000

/** How a server is reached, as a person approves it. Lists are sorted and without repeats, paths absolute and real. */
export type ServerSpec =
  | {
      readonly kind: 'command'
      /** Program and arguments, started without a shell. */
      readonly command: readonly string[]
      /** Variables of its environment, each with the name in the vault of its value. It has no others of the host's. */
      readonly secrets: Readonly<Record<string, string>>
      /** Its current directory, one that it may read; an empty one when absent. */
      readonly cwd?: string
      /** What it may read besides. */
      readonly read: readonly string[]
      /** What it may read and write. */
      readonly write: readonly string[]
      /** Hosts that it may reach where the policy allows it too; none: it has no network. */
      readonly hosts: readonly string[]
    }
  | {
      readonly kind: 'url'
      readonly url: string
      /** Headers with the name in the vault of their value, and text around it with `{secret}` in its place. */
      readonly headers: Readonly<Record<string, { readonly secret: string; readonly format?: string }>>
    }

/** A server to be wrapped; `previous` is the digest of the wrapped one that it takes the place of, `null` without one. */
export type McpWrap = { readonly name: string; readonly server: ServerSpec; readonly previous: string | null }

/** What wrapping answers: what the server listed, and the approval that its tools wait for. */
export type McpWrapped = {
  readonly name: string
  readonly digest: string
  readonly tools: number
  readonly approval?: string
}

/** Starts the server once, so that what it lists can be shown. Runs in the process that decides; the target is the name. */
export const mcpWrap = actionKind<McpWrap, McpWrapped, 'mcp.wrap'>({
  id: 'mcp.wrap',
  contract: 1,
  record: 'mcp',
  onApproval: 'execute',
})

/** `digest` keeps an approval from meaning another server of the name. */
export type McpUnwrap = { readonly name: string; readonly digest: string }

export const mcpUnwrap = actionKind<McpUnwrap, Json, 'mcp.unwrap'>({
  id: 'mcp.unwrap',
  contract: 1,
  record: 'mcp',
  onApproval: 'execute',
})

/** The tools that are to be in force for a server, by the digest of the list of their contracts. */
export type McpTools = { readonly name: string; readonly tools: string; readonly previous: string | null }

export const mcpTools = actionKind<McpTools, Json, 'mcp.tools'>({
  id: 'mcp.tools',
  contract: 1,
  record: 'mcp',
  onApproval: 'execute',
})

/** A request to a server that is no tool call. An approval is used by the same request made again. */
export type McpRequest = { readonly name: string; readonly method: string; readonly params: JsonObject }

export const mcpRequest = actionKind<McpRequest, JsonObject, 'mcp.request'>({
  id: 'mcp.request',
  contract: 1,
  record: 'mcp',
  onApproval: 'caller',
})

/** Owned by exactly one plugin; without an owner only this product's own tools are served. */
export const upstreamsSlot = slot<Upstreams>('cloned.mcp-upstream', { contract: 1 })
