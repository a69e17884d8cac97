// Tells the two kinds of packages apart, connectors and skill packs; decides nothing about either.
import { ClonedError } from 'cloned/kernel'
import type { ConnectorManifest } from '../package/slot.js'
import type { InstalledConnector, Registry } from './slot.js'

/** What is installed by one family of commands. */
export interface Family {
  readonly name: 'connectors' | 'skills'
  /** For people: `connector`. */
  readonly one: string
  /** Whether it is for packages of this kind. */
  readonly takes: (manifest: ConnectorManifest) => boolean
}

export const CONNECTORS: Family = {
  name: 'connectors',
  one: 'connector',
  takes: ({ runtime }) => runtime.kind !== 'skills',
}
export const SKILLS: Family = { name: 'skills', one: 'skill pack', takes: ({ runtime }) => runtime.kind === 'skills' }

/** Of which family a package is. Throws `CONNECTOR_REFUSED` when another one was wanted. */
export function familyOf(manifest: ConnectorManifest, wanted?: Family): Family {
  const family = SKILLS.takes(manifest) ? SKILLS : CONNECTORS
  if (wanted === undefined || wanted === family) return family
  const next = `Install it with: cloned ${family.name} install FILE`
  throw new ClonedError('CONNECTOR_REFUSED', { id: manifest.id, problem: `it is no ${wanted.one}`, next })
}

/** The registry as one family sees it. What cannot be verified is of no kind, and seen by both. */
export function registryOf({ takes }: Family, registry: Registry): Registry {
  const seen = ({ manifest }: InstalledConnector) => manifest === undefined || takes(manifest)
  return {
    enabled: () => registry.enabled(),
    verifyNow: (id) => registry.verifyNow(id),
    list: async () => (await registry.list()).filter(seen),
    async get(id) {
      const found = await registry.get(id)
      return found && seen(found) ? found : undefined
    },
  }
}
