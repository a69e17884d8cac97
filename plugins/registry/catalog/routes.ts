// Catalogs over HTTP: what they offer and what is newer than what is installed; asking one of another machine is governed.
import type { Json } from 'cloned/kernel'
import type { ApiTools, FastifyInstance } from '../../api/slot.js'
import { askingOf, fetching } from '../answer.js'
import type { CatalogCommandParts } from '../commands/parts.js'
import { OFFERED, OUTDATED, SEARCH } from '../route-schemas.js'
import { matching, newerJson, newerThan, offersOf } from './offers.js'

export function catalogRoutes(app: FastifyInstance, api: ApiTools, parts: CatalogCommandParts): void {
  app.get<{ Querystring: { word?: string } }>('/registry/packages', {
    schema: {
      operationId: 'searchCatalogs',
      summary: 'What the configured catalogs offer; 202 when a person has to approve that one is fetched',
      querystring: SEARCH,
      response: { 200: OFFERED, 202: OFFERED },
    },
    config: { scope: 'connectors:read' },
    handler: (request, reply) =>
      fetching(api, reply, async () => {
        const offers = await offersOf(parts.catalog, askingOf(api, request, reply), parts.locations())
        return { packages: matching(offers, request.query.word ?? '') as unknown as Json }
      }),
  })
  app.get('/registry/outdated', {
    schema: {
      operationId: 'listOutdated',
      summary: 'The installed connectors of which a catalog has a newer version',
      response: { 200: OUTDATED, 202: OUTDATED },
    },
    config: { scope: 'connectors:read' },
    handler: (request, reply) =>
      fetching(api, reply, async () => {
        const offers = await offersOf(parts.catalog, askingOf(api, request, reply), parts.locations())
        return { outdated: newerThan(await parts.registry.list(), offers).map(newerJson) }
      }),
  })
}
