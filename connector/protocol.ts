// The words that a host and a connector exchange: JSON-RPC 2.0, one message a line; shapes only, nothing here acts.

/** The contract between host and worker. A worker that speaks another one says which in its answer to `initialize`. */
export const PROTOCOL = 1

/** Longest line in either direction, bytes without the line feed. What is larger goes through an artifact. */
export const MAX_LINE_BYTES = 16 * 1024 * 1024

/** Codes of JSON-RPC errors. Those from -32000 on are this protocol's own. */
export const RPC = {
  parse: -32700,
  invalid: -32600,
  noMethod: -32601,
  params: -32602,
  internal: -32603,
  /** The tool failed; `data` is a {@link Failure}. */
  failed: -32000,
  /** `initialize` named a contract that this side does not speak; `data` is `{ supported: number[] }`. */
  protocol: -32001,
  /** The host refused a request of the worker; `data` is a {@link Failure}. */
  refused: -32002,
} as const

/** What is known of a failure. */
export interface Failure {
  readonly code: string
  readonly help?: string
  /** Whether the call had an effect on the world. */
  readonly effect?: 'none' | 'happened' | 'unknown'
}

/** Host → worker: the first request. */
export interface InitializeParams {
  readonly protocol: number
  readonly host: { readonly name: string; readonly version: string }
  readonly connector: { readonly id: string; readonly version: string }
  /** Tool ids that the host will call. */
  readonly tools: readonly string[]
  readonly max_line_bytes: number
}

/** Its answer. The host goes on only when everything agrees with the manifest. */
export interface InitializeResult {
  readonly protocol: number
  readonly connector: { readonly id: string; readonly version: string }
  /** Tool ids that the worker answers. */
  readonly tools: readonly string[]
}

/** Host → worker: a call (schemas/tool_call_envelope.schema.json). The id of the request is the id of the call. */
export interface CallParams {
  readonly call_id: string
  readonly tool: string
  readonly input: unknown
  /** Milliseconds until the host gives up. */
  readonly deadline_ms: number
}

export interface CallResult {
  readonly output: unknown
}

/** Host → worker, without an answer: give up on a call. The call itself is still to be answered. */
export interface CancelParams {
  readonly call_id: string
}

/** Worker → host: an HTTP request, judged by the rules for the tool of the call. */
export interface FetchParams {
  readonly call_id: string
  readonly url: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** How `body` is written; `utf8` when absent. */
  readonly encoding?: 'utf8' | 'base64'
  /** Names of auth slots of the tool; the host puts the credentials in. */
  readonly auth?: readonly string[]
  readonly redirect?: 'follow' | 'manual'
  readonly max_bytes?: number
  readonly timeout_ms?: number
}

export interface FetchResult {
  readonly status: number
  readonly url: string
  readonly redirected: boolean
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string
  readonly encoding: 'utf8' | 'base64'
}

/** Worker → host: keep a text as an artifact, by a governed call of its own. */
export interface ArtifactParams {
  readonly call_id: string
  readonly filename: string
  readonly content: string
  readonly media_type?: string
}

export interface ArtifactResult {
  readonly id: string
  readonly path: string
}

/** Worker → host, without an answer. */
export interface ProgressParams {
  readonly call_id: string
  readonly message: unknown
}

/** Worker → host, without an answer: a line for the diagnostics of the host. */
export interface LogParams {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly message: string
}

/** Any line. */
export interface Message {
  readonly jsonrpc: '2.0'
  readonly id?: string | number
  readonly method?: string
  readonly params?: unknown
  readonly result?: unknown
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown }
}
