// Requests over HTTP to install, switch and remove packages of one family; the gate decides each, and a client brings no path.
import { ClonedError, type Json } from 'cloned/kernel'
import type { ApiPart, ApiTools, FastifyInstance } from '../api/slot.js'
import { askingOf, changed, fetching } from './answer.js'
import { offeredArchive, offersOf, type Received } from './catalog/offers.js'
import type { CatalogCommandParts } from './commands/parts.js'
import { type Family, registryOf, SKILLS } from './family.js'
import { connectorDisable, connectorEnable, connectorRemove } from './kinds.js'
import { type Asking, askToInstall, askToSwitch } from './request.js'
import { CHANGED, ID, INSTALL, SWITCH } from './route-schemas.js'

interface Install {
  readonly package?: string
  readonly archive?: string
  readonly dry_run?: boolean
}
export type Switch = { Params: { id: string }; Body: { dry_run?: boolean } }

const SWITCHES = [
  [connectorEnable, 'enable', (one: string) => `Asks to let an installed ${one} run`],
  [connectorDisable, 'disable', (one: string) => `Asks to let a ${one} run no longer`],
  [connectorRemove, 'remove', (one: string) => `Asks to remove an installed ${one}`],
] as const

/** Skill packs are installed like connectors; what they hold is served by others. */
export function skillPackagesPart(parts: CatalogCommandParts): ApiPart {
  return { tag: 'skills', register: (app, api) => changeRoutes(app, api, parts, SKILLS) }
}

export function changeRoutes(app: FastifyInstance, api: ApiTools, all: CatalogCommandParts, family: Family): void {
  const parts = { ...all, registry: registryOf(family, all.registry) }
  const { name, one } = family
  const noun = one.replace(/(?:^| )./g, (first) => first.trim().toUpperCase())
  const config = { scope: `${name}:write` } as const
  app.post<{ Body: Install }>(`/${name}`, {
    bodyLimit: bodyLimitOf(parts),
    schema: {
      operationId: `install${noun}`,
      summary: `Asks to install a ${one}, disabled until it is enabled`,
      body: INSTALL,
      response: { 200: CHANGED, 202: CHANGED },
    },
    config,
    handler: (request, reply) =>
      fetching(api, reply, async () => {
        const asking = askingOf(api, request, reply, request.body.dry_run)
        const asked = await askToInstall(parts, asking, await archiveOf(parts, asking, request.body), family)
        return 'installed' in asked ? inForce(asked.installed) : changed(api, reply, asked)
      }),
  })
  for (const [kind, verb, summary] of SWITCHES) {
    app.post<Switch>(`/${name}/:id/${verb}`, {
      schema: {
        operationId: `${verb}${noun}`,
        summary: summary(one),
        params: ID,
        body: SWITCH,
        response: { 200: CHANGED, 202: CHANGED },
      },
      config,
      handler: async (request, reply) => {
        const asking = askingOf(api, request, reply, request.body.dry_run)
        return changed(api, reply, await askToSwitch(parts, asking, kind, request.params.id))
      },
    })
  }
}

/** As long as the largest package is in base64, and what an envelope adds. */
export function bodyLimitOf({ packages }: CatalogCommandParts): number {
  return Math.ceil((packages.maxBytes * 4) / 3) + 64 * 1024
}

/** The answer where nothing had to change. */
export function inForce({ id, version }: { readonly id: string; readonly version: string }): Json {
  return { status: 'in force', id, version }
}

async function archiveOf(
  parts: CatalogCommandParts,
  asking: Asking,
  { archive, package: name }: Install,
): Promise<Received> {
  if ((archive === undefined) === (name === undefined))
    throw new ClonedError('API_REQUEST', { problem: 'body: either a package of a catalog or an archive' })
  if (archive !== undefined) return { archive: Buffer.from(archive, 'base64') }
  const offers = await offersOf(parts.catalog, asking, parts.locations())
  return await offeredArchive(parts.catalog, asking, offers, name ?? '')
}
