// Answers requests of clients about connectors in terms of the gate: who asks, and how what they asked for ended.
import type { Json } from 'cloned/kernel'
import type { ApiTools, FastifyReply, FastifyRequest } from '../api/slot.js'
import { NotFetched } from './catalog/catalog.js'
import type { Asked, Asking } from './request.js'

export function askingOf(api: ApiTools, request: FastifyRequest, reply: FastifyReply, dryRun = false): Asking {
  return { actor: api.principal(request).actor, dryRun, signal: api.signal(reply) }
}

/** A fetch from a catalog that waits or was denied is the answer. */
export async function fetching(api: ApiTools, reply: FastifyReply, work: () => Promise<Json>): Promise<Json> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof NotFetched)) throw error
    return api.answer(reply, error.outcome)
  }
}

/** The outcome, with the connector that it is about. */
export function changed(api: ApiTools, reply: FastifyReply, { id, version, outcome }: Asked): Json {
  return { ...api.answer(reply, outcome), id, version }
}
