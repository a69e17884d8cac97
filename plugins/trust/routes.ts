// The trust store over HTTP: what is trusted and revoked, and requests to change that; the gate decides each of them.
import { ClonedError, type Gate, type Json } from 'cloned/kernel'
import type { ApiPart, ApiTools, FastifyReply, FastifyRequest } from '../api/slot.js'
import {
  askForChange,
  publisherWish,
  type RootWish,
  removalWish,
  revocationWish,
  rootWish,
  signedRevocationsWish,
  trustJson,
  type Wish,
} from './request.js'
import { CHANGED, DOCUMENT, ENTRY, PUBLISHER_ID, REMOVAL, ROOT, SIGNED, TRUST } from './route-schemas.js'
import type { TrustState } from './state.js'

export interface TrustRouteParts {
  readonly gate: Pick<Gate, 'act'>
  readonly state: () => Promise<TrustState>
  readonly drift: (state: TrustState) => string | undefined
  readonly now: () => number
}

interface DryRun {
  readonly dry_run?: boolean
}
interface Document extends DryRun {
  readonly document: string
  readonly signature?: string
}
type Entry = DryRun & Parameters<typeof revocationWish>[0] & { readonly compromised_at?: string }
interface Root extends DryRun {
  readonly change: 'mode' | 'rotate' | 'renew' | 'replace'
  readonly mode?: 'dev' | 'strict'
  readonly document?: string
  readonly signature?: string
}

/** How errors name a document that came in a request. */
const WHERE = 'the document'

export function trustPart({ gate, state, drift, now }: TrustRouteParts): ApiPart {
  return {
    tag: 'trust',
    register(app, api) {
      const ask = (request: FastifyRequest<{ Body: DryRun }>, reply: FastifyReply, wish: Wish) =>
        answer(api, gate, request, reply, wish)
      app.get('/trust', {
        schema: {
          operationId: 'getTrust',
          summary: 'The root of trust, the publishers with their keys, and what is revoked',
          response: { 200: TRUST },
        },
        config: { scope: 'trust:read' },
        handler: async () => {
          const current = await state()
          return trustJson(current, drift(current), now())
        },
      })
      app.post<{ Body: Document }>('/trust/publishers', {
        schema: {
          operationId: 'addPublisher',
          summary: 'Asks to trust a publisher, or to replace its document by a newer one',
          body: DOCUMENT,
          response: { 200: CHANGED, 202: CHANGED },
        },
        config: { scope: 'trust:write' },
        handler: (request, reply) => {
          const { document, signature } = request.body
          return ask(request, reply, publisherWish(document, signature, WHERE))
        },
      })
      app.post<{ Params: { id: string }; Body: DryRun }>('/trust/publishers/:id/remove', {
        schema: {
          operationId: 'removePublisher',
          summary: 'Asks to trust a publisher no longer',
          params: PUBLISHER_ID,
          body: REMOVAL,
          response: { 200: CHANGED, 202: CHANGED },
        },
        config: { scope: 'trust:write' },
        handler: (request, reply) => ask(request, reply, removalWish(request.params.id)),
      })
      app.post<{ Body: Entry }>('/trust/revocations', {
        schema: {
          operationId: 'revokeTrust',
          summary: 'Asks to revoke a key, a publisher, a version, a tool or a package',
          body: ENTRY,
          response: { 200: CHANGED, 202: CHANGED },
        },
        config: { scope: 'trust:write' },
        handler: (request, reply) => {
          const { dry_run: _, compromised_at: since, ...entry } = request.body
          return ask(request, reply, revocationWish(entry, since === undefined ? undefined : timeOf(since)))
        },
      })
      app.post<{ Body: Required<Document> }>('/trust/revocations/replace', {
        schema: {
          operationId: 'replaceRevocations',
          summary: 'Asks to take revocations that the root has signed elsewhere',
          body: SIGNED,
          response: { 200: CHANGED, 202: CHANGED },
        },
        config: { scope: 'trust:write' },
        handler: (request, reply) => {
          const { document, signature } = request.body
          return ask(request, reply, signedRevocationsWish(document, signature))
        },
      })
      app.post<{ Body: Root }>('/trust/root', {
        schema: {
          operationId: 'changeRoot',
          summary: 'Asks for another mode or key of the root of trust, or another root, or to renew the revocations',
          body: ROOT,
          response: { 200: CHANGED, 202: CHANGED },
        },
        config: { scope: 'trust:write' },
        handler: (request, reply) => ask(request, reply, rootWish(rootOf(request.body))),
      })
    },
  }
}

async function answer(
  api: ApiTools,
  gate: Pick<Gate, 'act'>,
  request: FastifyRequest<{ Body: DryRun }>,
  reply: FastifyReply,
  wish: Wish,
): Promise<Json> {
  const { dry_run: dryRun = false } = request.body
  const { actor } = api.principal(request)
  return api.answer(reply, await askForChange(gate, { actor, dryRun, signal: api.signal(reply) }, wish))
}

function rootOf({ change, mode, document, signature }: Root): RootWish {
  if (change === 'rotate') return { rotate: true }
  if (change === 'renew') return { renew: true }
  if (change === 'mode' && mode !== undefined) return { mode }
  if (change === 'replace' && document !== undefined && signature !== undefined)
    return { content: document, signature, where: WHERE }
  const missing = change === 'mode' ? 'mode' : 'document and signature'
  throw new ClonedError('API_REQUEST', { problem: `body: "${change}" needs ${missing}` })
}

function timeOf(text: string): number {
  const time = Date.parse(text)
  if (Number.isFinite(time)) return time
  throw new ClonedError('API_REQUEST', { problem: 'body: compromised_at is no time such as 2026-01-31T00:00:00Z' })
}
