// Carries the API from whatever answers to listening servers and hosts; what is answered is decided elsewhere.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Contribution, Gate, Json } from 'cloned/kernel'
import type { Workspace } from '../workspace/slot.js'
import { assertPrivateOrGuarded } from './addresses.js'
import { removeDescription, writeDescription } from './description.js'
import { type Door, doorAt } from './door.js'
import { listenAt } from './listening.js'
import type { Api, Authenticator, Listening, ListenOptions, Principal } from './slot.js'
import { localToken } from './token-file.js'

/** What answers the requests that come in by one door. */
export interface Answering {
  /** Answers by itself, whatever happens. Nothing was asked of the door before. */
  answer(request: IncomingMessage, response: ServerResponse): void
  /** The OpenAPI 3.1 document. Asked inside a host only. */
  document(): Promise<Json>
  /** Called once, when nothing comes in any more. */
  close?(): Promise<void>
}

export interface ApiParts {
  readonly gate: Pick<Gate, 'actor'>
  readonly workspace: Pick<Workspace, 'path'>
  /** Everybody's, as collected; asked when the first request comes. */
  readonly authenticators: () => readonly Contribution<Authenticator>[]
  /** Origins whose pages may use the API; none without. */
  readonly origins?: () => readonly string[]
  readonly now: () => number
  /** Made once for each door. */
  answering(door: Door): Answering | Promise<Answering>
}

/** The service, with its end: whoever owns the slot calls `close` when the kernel stops. */
export interface OpenApi extends Api {
  close(): Promise<void>
}

const EVERYTHING: Principal['scopes'] = new Set(['*'])

/**
 * An API of what somebody else answers. Where it may listen and under which names, the local token, `.cloned/api.json`, and
 * who comes in ({@link Door}) are settled here.
 */
export function createApi({ gate, workspace, authenticators, origins = () => [], now, answering }: ApiParts): OpenApi {
  const open = new Set<Listening>()
  const given = new WeakMap<IncomingMessage, Principal>()
  const user = (via: string): Principal => ({ actor: gate.actor(), scopes: EVERYTHING, via })
  let embedded: Promise<Answering> | undefined

  async function behind(options: ListenOptions | undefined, port: () => number): Promise<Answering> {
    const token = localToken(workspace.path('api'))
    return answering(doorAt({ options, port, token, user, given, authenticators, origins, now }))
  }
  const inside = () => {
    embedded ??= behind(undefined, () => 0)
    return embedded
  }

  return {
    async listen(options = {}) {
      if (!('socket' in options)) assertPrivateOrGuarded(options)
      let port = 0
      const { answer, close } = await behind(options, () => port)
      const listener = await listenAt(options, answer).catch(async (error: unknown) => {
        await close?.()
        throw error
      })
      const { address } = listener
      if (!('socket' in options)) port = Number(new URL(address).port)
      const description = writeDescription(workspace, { address, token: workspace.path('api', 'token') })
      const listening: Listening = {
        address,
        async close() {
          if (!open.delete(listening)) return
          removeDescription(description)
          await listener.close()
          await close?.()
        },
      }
      open.add(listening)
      return listening
    },
    async handle(request, response, principal) {
      given.set(request, principal)
      // The host has checked where its requests come from; here they all come from it.
      const { answer } = await inside()
      request.headers.host = 'localhost'
      delete request.headers.origin
      answer(request, response)
    },
    document: async () => (await inside()).document(),
    async close() {
      await Promise.all([...open].map((listening) => listening.close()))
      await (await embedded)?.close?.()
      embedded = undefined
    },
  }
}
