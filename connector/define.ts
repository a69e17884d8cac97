// Defines connectors and their tools as their authors write them; runs none of them.

/** JSON Schema 2020-12. */
export type Schema = { readonly [keyword: string]: unknown }

/** A place for a credential. The host puts it into requests; the tool never sees the value. */
export interface Auth {
  /** What the tool calls it in `fetch(url, { auth: [name] })`. */
  readonly name: string
  /**
   * `static`: as stored. `basic`: `user:password`, as Basic authorization. `oauth_refresh`: an access token had with the
   * stored refresh token. `jwt`: a token signed with the stored private key.
   */
  readonly kind?: 'static' | 'basic' | 'oauth_refresh' | 'jwt'
  /** Name of the secret in the user's vault. */
  readonly secret: string
  /** `header:authorization`, `query:key`, `json:/key` or `form:key`. */
  readonly place: string
  /** Text around the value, with `{secret}` in its place: `Bearer {secret}`. */
  readonly format?: string
  /** Default: every host of the tool. */
  readonly hosts?: readonly string[]
  /**
   * `oauth_refresh`: `token_url`, `client_id`, `scope`. `jwt`: `algorithm` (`RS256`, `ES256` or `EdDSA`), `claims`,
   * `lifetime_s`, `kid`.
   */
  readonly options?: { readonly [option: string]: unknown }
}

/** What a tool can do besides computing. Everything goes through the host, where it is judged and recorded. */
export interface ToolContext {
  readonly callId: string
  /** Aborts when the call is cancelled or its time is over. */
  readonly signal: AbortSignal
  /** An HTTP request under the rules for this tool. Rejects with {@link ToolError}; `code` says who refused it. */
  fetch(url: string | URL, init?: FetchOptions): Promise<Response>
  /** Tells the caller how far it is. */
  progress(message: unknown): void
  /** Writes to the diagnostics of the host. */
  log(level: 'debug' | 'info' | 'warn' | 'error', message: string): void
  /** Keeps a text for the user. */
  artifact(artifact: NewArtifact): Promise<{ readonly id: string; readonly path: string }>
}

/** As in the Fetch standard where the names are the same. */
export interface FetchOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** Names of auth slots of the tool. */
  readonly auth?: readonly string[]
  readonly redirect?: 'follow' | 'manual'
  readonly maxBytes?: number
  readonly timeoutMs?: number
}

export interface NewArtifact {
  readonly filename: string
  readonly content: string
  readonly mediaType?: string
}

/**
 * A constant; `unknown`, which asks a person wherever such a budget is kept; or `base` and for each term its `rate` times what
 * stands in the input at a JSON pointer: a number as itself, a text by its length, a list by its items, `absent` for nothing.
 */
export type Cost =
  | number
  | 'unknown'
  | {
      readonly base?: number
      readonly terms: readonly { readonly input: string; readonly rate: number; readonly absent?: number }[]
    }

/** A tool as its author writes it. */
export interface ToolDefinition<I, O> {
  /** `<connector id>.<word>`, without the version. */
  readonly id: string
  /** Counts from 1; raise it with every change of what stands here. */
  readonly version: number
  readonly title: string
  readonly description: string
  readonly input: Schema
  readonly output: Schema
  readonly risk: 'low' | 'medium' | 'high'
  /** What it can do, for rules: `net.fetch`, `mail.send`. */
  readonly capability: string
  /** Hosts it may reach: `api.example.com`, `*.example.com`, each with `:port` for another port than 443. */
  readonly hosts?: readonly string[]
  readonly auth?: readonly Auth[]
  /** Whether calling it twice with the same input does no more than calling it once. */
  readonly idempotent?: boolean
  /** Of one call by budget category, besides the call itself. */
  readonly cost?: Readonly<Record<string, Cost>>
  readonly timeoutMs?: number
  /** JSON pointers into the output whose values must not leave the tool. */
  readonly redact?: readonly string[]
  /** JSON pointers into the input that may stand in the audit log in clear. */
  readonly loggable?: readonly string[]
  /** Throw {@link ToolError} to say what is known of the effect. */
  run(input: I, ctx: ToolContext): O | Promise<O>
}

// biome-ignore lint/suspicious/noExplicitAny: the schema, not the compiler, decides what a tool receives
export type Tool = ToolDefinition<any, unknown>

/** A connector as its author writes it. */
export interface ConnectorDefinition {
  /** `<namespace>.<name>` */
  readonly id: string
  /** Semantic version. */
  readonly version: string
  readonly publisher: string
  readonly title: string
  readonly description: string
  readonly license?: string
  readonly source?: { readonly repo: string; readonly commit?: string }
  readonly tools: readonly Tool[]
}

export interface Connector extends ConnectorDefinition {
  readonly kind: 'cloned.connector'
}

/** A failure that a tool reports on purpose, or a refusal by the host. */
export class ToolError extends Error {
  override readonly name = 'ToolError'
  readonly code: string
  readonly help: string | undefined
  readonly effect: 'none' | 'happened' | 'unknown'

  constructor(message: string, about: { code?: string; help?: string | undefined; effect?: ToolError['effect'] } = {}) {
    super(message)
    this.code = about.code ?? 'TOOL_FAILED'
    this.help = about.help
    this.effect = about.effect ?? 'unknown'
  }
}

/** Types a tool. */
export function defineTool<I = unknown, O = unknown>(tool: ToolDefinition<I, O>): Tool {
  return Object.freeze({ ...tool })
}

/** Defines a connector. Throws a `TypeError` for tool ids that are not its own, or that it has twice. */
export function defineConnector(definition: ConnectorDefinition): Connector {
  const ids = definition.tools.map(toolId)
  for (const [i, id] of ids.entries()) {
    if (id.slice(0, id.lastIndexOf('.')) !== definition.id) {
      throw new TypeError(`the tool ${id} is not named ${definition.id}, a dot and one word`)
    }
    if (ids.indexOf(id) !== i) throw new TypeError(`the tool ${id} is there twice`)
    if (typeof definition.tools[i]?.run !== 'function') throw new TypeError(`the tool ${id} has no run function`)
  }
  return Object.freeze({ ...definition, kind: 'cloned.connector' as const })
}

/** `acme.weather.today@v1` */
export function toolId({ id, version }: Pick<Tool, 'id' | 'version'>): string {
  return `${id}@v${version}`
}
