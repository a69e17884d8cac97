// Connectors over HTTP: what is installed and what it is worth; reads, besides the update out of a catalog, which the gate decides.
import type { ApiPart, PageQuery } from '../api/slot.js'
import { askingOf, changed, fetching } from './answer.js'
import { fetchOffer, newerThan, offersOf } from './catalog/offers.js'
import { catalogRoutes } from './catalog/routes.js'
import { bodyLimitOf, changeRoutes, inForce, type Switch } from './change-routes.js'
import { type CatalogCommandParts, connectorJson } from './commands/parts.js'
import { CONNECTORS, registryOf } from './family.js'
import { askToInstall, checkArchive, mustFind } from './request.js'
import { CHANGED, CONNECTOR, ID, PACKAGE, SWITCH, VERIFIED } from './route-schemas.js'

export function connectorsPart(all: CatalogCommandParts): ApiPart {
  const parts = { ...all, registry: registryOf(CONNECTORS, all.registry) }
  const { registry } = parts
  return {
    tag: 'connectors',
    register(app, api) {
      catalogRoutes(app, api, parts)
      app.get<{ Querystring: PageQuery }>('/connectors', {
        schema: {
          operationId: 'listConnectors',
          summary: 'The installed connectors and whether they may run, verified anew',
          querystring: { type: 'object', additionalProperties: false, properties: api.pageQuery },
          response: {
            200: {
              type: 'object',
              required: ['connectors'],
              properties: { connectors: { type: 'array', items: CONNECTOR }, next: { type: 'string' } },
            },
          },
        },
        config: { scope: 'connectors:read' },
        handler: async ({ query }) => {
          const { items, ...rest } = api.page(await registry.list(), query, ({ id }) => id)
          return { connectors: items.map(connectorJson), ...rest }
        },
      })
      app.get<{ Params: { id: string } }>('/connectors/:id', {
        schema: {
          operationId: 'getConnector',
          summary: 'An installed connector: where it comes from, what it may do, how it stands',
          params: ID,
          response: { 200: CONNECTOR },
        },
        config: { scope: 'connectors:read' },
        handler: async ({ params: { id } }) => connectorJson(await mustFind(registry, id)),
      })
      app.post<{ Body: { archive: string } }>('/connectors/verify', {
        bodyLimit: bodyLimitOf(parts),
        schema: {
          operationId: 'verifyPackage',
          summary: 'Checks a package as an installation would, without installing it',
          body: PACKAGE,
          response: { 200: VERIFIED },
        },
        config: { scope: 'connectors:read' },
        handler: async ({ body: { archive } }) => {
          const { head, manifest, kids, downgrade } = await checkArchive(parts, Buffer.from(archive, 'base64'))
          const { id, version, publisher_id: publisher } = manifest
          return { id, version, publisher, package_digest: head.digest, kids, downgrade, manifest }
        },
      })
      changeRoutes(app, api, parts, CONNECTORS)
      app.post<Switch>('/connectors/:id/update', {
        schema: {
          operationId: 'updateConnector',
          summary: 'Asks to install the newest version of a connector from a catalog',
          params: ID,
          body: SWITCH,
          response: { 200: CHANGED, 202: CHANGED },
        },
        config: { scope: 'connectors:write' },
        handler: (request, reply) =>
          fetching(api, reply, async () => {
            const asking = askingOf(api, request, reply, request.body.dry_run)
            const installed = await mustFind(registry, request.params.id)
            const [newer] = newerThan([installed], await offersOf(parts.catalog, asking, parts.locations()))
            if (!newer) return inForce(installed)
            const received = await fetchOffer(parts.catalog, asking, newer.offer)
            const asked = await askToInstall(parts, asking, received)
            return 'installed' in asked ? inForce(asked.installed) : changed(api, reply, asked)
          }),
      })
    },
  }
}
