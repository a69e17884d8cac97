// Fetches a file of a remote catalog as a governed action, through the firewall; it is kept by its digest, not trusted.
import { actionKind, ClonedError, type Executor, fail, type JsonObject } from 'cloned/kernel'
import type { Firewall } from '../../firewall/slot.js'
import type { Incoming } from '../incoming.js'
import { refusing } from '../install.js'

/** A file of a remote catalog that is to be fetched, no larger than `max_bytes`. */
export type CatalogFetch = { readonly url: string; readonly max_bytes: number }
/** What came, in the directory of incoming files; hex SHA-256. */
export type CatalogFetched = { readonly sha256: string; readonly size: number }

/** Its caller repeats it once it is approved. */
export const catalogFetch = actionKind<CatalogFetch, CatalogFetched, 'catalog.fetch'>({
  id: 'catalog.fetch',
  contract: 1,
  record: 'catalog',
  onApproval: 'caller',
})

const input: JsonObject = {
  type: 'object',
  additionalProperties: false,
  required: ['url', 'max_bytes'],
  properties: {
    url: { type: 'string', maxLength: 2000, pattern: '^https?://' },
    max_bytes: { type: 'integer', minimum: 1, maximum: 67_108_864 },
  },
}

export function fetchExecutor(
  firewall: Firewall | undefined,
  incoming: Incoming,
  now: () => number,
): Executor<CatalogFetch, CatalogFetched> {
  return {
    input,
    async execute({ url, max_bytes }, ctx) {
      if (!firewall) throw fail('this distribution has no firewall, so nothing can be fetched')
      const response = await refusing(() => firewall.fetch(ctx, url, { maxBytes: max_bytes }))
      if (response.status !== 200) {
        const error = new ClonedError('CATALOG_INVALID', {
          where: url,
          problem: `it answers with status ${response.status}`,
        })
        throw fail(error.message, { code: error.code, help: error.help })
      }
      const bytes = Buffer.from(response.bytes())
      return { sha256: incoming.put(bytes, { hold: false, now: now() }), size: bytes.length }
    },
  }
}
