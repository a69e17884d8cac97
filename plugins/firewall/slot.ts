// Names the firewall service, the only way out to the network; interface, token and the meaning of its refusals.
import type { Socket } from 'node:net'
import { type HandlerContext, type JsonObject, slot } from 'cloned/kernel'
import type { EgressRule } from '../policy/slot.js'

/** On whose behalf a request is made. */
export interface EgressCaller {
  /** A tool id with version, or the kind of another action, for which only the rules for everybody count. */
  readonly tool: string
  readonly connector?: string
}

/** A request that the rules allow. */
export interface EgressAllowed {
  readonly allowed: true
  /** Where the rule stands. */
  readonly rule: string
}

/** A request that is not made. */
export interface EgressRefusal {
  readonly allowed: false
  /**
   * Stable. `DENIED`: a rule denies it. `NO_RULE`, `SCHEME`, `PORT`, `METHOD`: no rule allows the host, or this much of
   * it. `RULES`: the policy cannot be used. The others: the URL is not clear.
   */
  readonly code:
    | 'DENIED'
    | 'NO_RULE'
    | 'SCHEME'
    | 'PORT'
    | 'METHOD'
    | 'RULES'
    | 'EMPTY'
    | 'TOO_LONG'
    | 'CHARACTER'
    | 'USERINFO'
    | 'BRACKETS'
    | 'ADDRESS_SPELLING'
    | 'NAME_SPELLING'
    | 'UNPARSABLE'
    | 'LABEL'
    | 'LOCAL_NAME'
  /** A clause for people. */
  readonly reason: string
  /** Where the rule stands that denies, or that names the host and does not go far enough. */
  readonly rule?: string
}

export type EgressDecision = EgressAllowed | EgressRefusal

/** A decision with what a person needs to change it. */
export interface EgressExplanation {
  readonly decision: EgressDecision
  /** The host in its one spelling; absent when the URL is not clear. */
  readonly host?: string
  /** What to type to get another answer. */
  readonly next: string
  /** The tool call by which an agent proposes the narrowest rule that allows it; absent when no rule of its own would. */
  readonly propose?: { readonly tool: string; readonly input: JsonObject }
}

/** Where the value of a secret goes: a header, a query parameter, or a member of a JSON object or form in the body. */
export interface SecretSlot {
  /** Name of the secret. */
  readonly secret: string
  readonly in: 'header' | 'query' | 'body'
  readonly name: string
}

/** The request that a secret is bound into, without any secret. */
export interface BindRequest {
  readonly method: string
  readonly url: string
  /** In its one spelling. */
  readonly host: string
}

/** Answers the text that goes into a slot, or throws: then nothing is sent. */
export type BindSecret = (slot: SecretSlot, request: BindRequest) => string | Promise<string>

/** How to open a tunnel. */
export interface ConnectInit {
  /** Milliseconds until it is closed, whatever is said in it; an hour when absent. */
  readonly deadlineMs?: number
  /** The connector on whose behalf it is opened. */
  readonly connector?: string
  /** As in {@link FetchInit}. */
  readonly tool?: string
}

/** What a URL would contact, in its one spelling. */
export interface EgressTarget {
  readonly scheme: 'https' | 'http'
  readonly host: string
  readonly port: number
  /** `scheme://host:port`, always with the port. Two URLs with the same origin contact the same. */
  readonly origin: string
}

/** What to send. Names as in the Fetch standard where the meaning is the same. */
export interface FetchInit {
  /** `GET` when absent. Upper case. */
  readonly method?: string
  /** Lower- or mixed-case names, each once. What frames or routes the message is refused. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** `follow` (default): at most 5, each judged like a request of its own. `manual`: the redirect is the response. */
  readonly redirect?: 'follow' | 'manual'
  readonly signal?: AbortSignal
  /** Most bytes of the body, as sent and as decoded; 10 MB when absent. */
  readonly maxBytes?: number
  /** Milliseconds for everything, redirects included; 60 s when absent. */
  readonly deadlineMs?: number
  /** Called with each piece of a body that has no content coding, as it comes in. When it throws, the request ends. */
  readonly onData?: (chunk: Uint8Array, response: { readonly status: number; readonly type: string }) => void
  /** The connector on whose behalf the request is made. */
  readonly connector?: string
  /** The tool on whose behalf the request is made, in an action that is no tool call. */
  readonly tool?: string
  /** Secrets to bind, last of all. Never sent to another origin: a redirect there ends the request. */
  readonly secrets?: readonly SecretSlot[]
  /** Required with `secrets`. */
  readonly bind?: BindSecret
}

/** A whole response; its body has been read and decoded. */
export interface FetchResponse {
  readonly status: number
  /** Whether `status` is in 200–299. */
  readonly ok: boolean
  /** Where it came from, without secrets. */
  readonly url: string
  readonly redirected: boolean
  readonly headers: Headers
  bytes(): Uint8Array
  /** As UTF-8. */
  text(): string
  /** Throws a `SyntaxError` for what is not JSON. */
  json(): unknown
}

/** A plugin that makes requests of its own, for no action: to a vault, a webhook. */
export interface PluginCaller {
  /** Its id. */
  readonly plugin: string
  /** Where it may send to: its configuration names them, as rules of the policy do, and nothing else allows any. */
  readonly hosts: readonly Omit<EgressRule, 'at'>[]
}

/** As {@link Firewall.fetch}, by the hosts of one plugin instead of the policy. Nobody else is asked, nothing is recorded. */
export type PluginFetch = (url: string | URL, init?: Omit<FetchInit, 'connector' | 'tool'>) => Promise<FetchResponse>

export interface Firewall {
  /**
   * Makes a request for a running action. Every hop is put to `beforeEgress` and to the rules of the policy in force;
   * names are resolved once, every address is vetted, and the vetted address is what is dialled. Rejects with
   * `EGRESS_DENIED` and the other `EGRESS_` codes.
   */
  fetch(
    ctx: Pick<HandlerContext, 'tool' | 'check' | 'signal'>,
    url: string | URL,
    init?: FetchInit,
  ): Promise<FetchResponse>
  /**
   * Opens a tunnel for a running action to the host and port of an `https:` URL, put to `beforeEgress` and to the rules
   * as `CONNECT`; dialled like a request. Nothing has been said on the socket. It outlives the action, and is destroyed
   * with the reason (`EGRESS_REVOKED`, `EGRESS_TIMEOUT`) in its `errored`. Whoever gets it must hold the peer to TLS with
   * the name of that host. Rejects like `fetch`.
   */
  connect(
    ctx: Pick<HandlerContext, 'tool' | 'check' | 'signal'>,
    url: string | URL,
    init?: ConnectInit,
  ): Promise<Socket>
  /**
   * The way out for a plugin itself, from `setup` on; what an agent asks for never goes this way. Connections are shared
   * with nobody. Throws `EGRESS_RULES` for hosts that no rule may name.
   */
  forPlugin(caller: PluginCaller): PluginFetch
  /** Reads a URL as `fetch` and `connect` do; pure. */
  read(url: string | URL): EgressTarget | EgressRefusal
  /** What the rules in force answer; pure: nothing is resolved, asked or recorded. */
  decide(caller: EgressCaller, method: string, url: string | URL): EgressDecision
  /** The same, with what would change the answer. */
  explain(caller: EgressCaller, method: string, url: string | URL): EgressExplanation
}

/** Owned by exactly one plugin; without an owner no tool reaches the network. */
/** Whether an error of {@link Firewall.fetch} with this code says that nothing has left this machine. */
export function neverSent(code: string): boolean {
  return NEVER_SENT.has(code)
}

const NEVER_SENT: ReadonlySet<string> = new Set(['EGRESS_DENIED', 'EGRESS_ADDRESS', 'EGRESS_REQUEST', 'EGRESS_RULES'])

export const firewallSlot = slot<Firewall>('cloned.firewall', { contract: 1 })
