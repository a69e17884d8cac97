// Names the HTTP API: the list of routes that plugins add, who a request comes from, and the service; no implementation.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Actor, collection, type Json, type JsonObject, type Outcome, slot } from 'cloned/kernel'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/** For parts of more than one file; nobody else imports Fastify. */
export type { FastifyInstance, FastifyReply, FastifyRequest }

/** `runs:read`: an area and what may be done there. A principal with `*` may do everything. */
export type Scope = `${string}:${string}`

/** From whom a request comes, once that is proven. */
export interface Principal {
  /**
   * What its actions are recorded under. Never claimed: whoever authenticates must know. An `osUser` of `''` says that it is
   * no user of this machine; the API then puts the id in its place, so that nobody approves what they asked for themselves.
   */
  readonly actor: Actor
  readonly scopes: ReadonlySet<Scope | '*'>
  /** How it was proven: `token`, `socket`, `device`, `host`; in the log and for people. */
  readonly via: string
}

/** A way to prove who a request comes from, by the scheme of its `Authorization` header. */
export interface Authenticator {
  /** As in the header, compared without case: `DPoP`. `Bearer` with the local token is the API's own. */
  readonly scheme: string
  /**
   * Answers who it is, or `undefined` when the proof does not hold; the answer is then 401. Must not say why to the
   * client. `url` is the absolute URL as the client has to have used it.
   */
  authenticate(request: AuthenticationRequest): Promise<Principal | undefined>
}

export interface AuthenticationRequest {
  readonly method: string
  readonly url: string
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** What follows the scheme in `Authorization`. */
  readonly credentials: string
}

export const authenticatorsCollection = collection<Authenticator>('cloned.api-authenticators', { contract: 1 })

/** What a part of the API gets besides the server. */
export interface ApiTools {
  /** From whom the request comes. */
  principal(request: FastifyRequest): Principal
  /**
   * Sets the status of an outcome (done 200, pending 202, denied 403, failed 422) and where a pending one is decided;
   * gives its document, which the handler has to answer.
   */
  answer(reply: FastifyReply, outcome: Outcome): JsonObject
  /** JSON Schemas of the query of a list, by name. */
  readonly pageQuery: Readonly<Record<keyof PageQuery, object>>
  /**
   * Cuts a list, sorted as it is shown, into the page after `cursor`. A cursor names the last item that was shown, so items
   * that come or go meanwhile neither hide nor repeat others.
   */
  page<T>(items: readonly T[], query: PageQuery, keyOf: (item: T) => string): Page<T>
  /** Aborts when the client has gone before its answer: nobody waits for it any more. */
  signal(reply: FastifyReply): AbortSignal
  /** Milliseconds that the client would wait: `Prefer: wait=N`, at most 60 seconds; 0 without. */
  waitMs(request: FastifyRequest): number
}

/** How the part of a list is asked for. */
export interface PageQuery {
  readonly limit?: number
  readonly cursor?: string
}

export interface Page<T> {
  readonly items: readonly T[]
  /** What to pass as `cursor` for the rest; absent at the end. */
  readonly next?: string
}

/**
 * A part of the API: an ordinary Fastify plugin in a scope of its own, under `/v1`. Each of its routes must have
 * `schema.operationId`, `schema.summary`, a schema of every success it answers, `config.scope`, and JSON Schemas of
 * whatever it reads of params, query and body, closed against more; the server does not start otherwise.
 */
export interface ApiPart {
  /** Words the routes in the documentation: `runs`. */
  readonly tag: string
  register(app: FastifyInstance, api: ApiTools): void | Promise<void>
}

/**
 * A protocol that is not the API's own, at a path beside `/v1`. Where a request comes from, how often, from whom, and whether
 * that one has the scope are settled before it is seen here. Nothing of it is in the OpenAPI document.
 */
export interface ApiEndpoint {
  /** One word: `/mcp`. */
  readonly path: `/${string}`
  readonly scope: Scope
  readonly methods: readonly ('GET' | 'POST' | 'DELETE')[]
  /** Answers by itself; nothing of the body has been read. Rejects for faults of its own alone: the connection then ends. */
  handle(request: IncomingMessage, response: ServerResponse, principal: Principal): Promise<void>
}

export const endpointsCollection = collection<ApiEndpoint>('cloned.api-endpoints', { contract: 1 })

export const routesCollection = collection<ApiPart>('cloned.api-routes', { contract: 1 })

/** What a route says of itself. */
interface RouteConfig {
  /** What a principal must be allowed to do. */
  readonly scope?: Scope
  /** Answers without proof of who asks. There are two such routes, both the API's own. */
  readonly open?: true
  /** When it was retired and from when it may be gone, ISO 8601 dates; sends `Deprecation` and `Sunset`. */
  readonly deprecated?: { readonly since: string; readonly sunset: string; readonly instead: string }
}

/** Fastify's own way to type what stands beside a route. */
declare module 'fastify' {
  interface FastifyContextConfig extends RouteConfig {}
}

/** Where a server listens. */
export type ListenOptions =
  | {
      /** Default: 127.0.0.1. Another than a loopback address needs `tls` or `trustedProxy`. */
      readonly host?: string
      /** 0, the default: one that is free. */
      readonly port?: number
      readonly tls?: { readonly cert: string; readonly key: string }
      /** A proxy at this address terminates TLS and is the only one who can connect. */
      readonly trustedProxy?: string
      /** Names under which clients reach a server that is not on loopback, each with its port when it is not 443. */
      readonly names?: readonly string[]
    }
  | { readonly socket: string }

/** A server that listens. */
export interface Listening {
  /** `http://127.0.0.1:4117`, or `unix:/path/to/socket`. */
  readonly address: string
  /** Ends what is open, at the latest after two seconds. */
  close(): Promise<void>
}

export interface Api {
  /** Listens and writes `.cloned/api.json`. Throws `API_PUBLIC`, `API_ADDRESS`. */
  listen(options?: ListenOptions): Promise<Listening>
  /**
   * For a host that has a server and an authentication of its own: answers one request as `principal`. The path begins with
   * `/v1`, or is that of an endpoint. The host checks Host, Origin and whatever else its own clients need.
   */
  handle(request: IncomingMessage, response: ServerResponse, principal: Principal): Promise<void>
  /** The OpenAPI 3.1 document of all parts. */
  document(): Promise<Json>
}

export const apiSlot = slot<Api>('cloned.api', { contract: 1 })
