// Asks the gate to change what is installed, for commands and routes alike; checks first, so that nobody is asked in vain.
import {
  type ActionKind,
  type ActorInput,
  ClonedError,
  type Gate,
  type Json,
  type JsonObject,
  type Outcome,
} from 'cloned/kernel'
import type { Packages } from '../package/slot.js'
import type { Received } from './catalog/offers.js'
import { widens } from './changes.js'
import { type Family, familyOf } from './family.js'
import type { Incoming } from './incoming.js'
import type { Judged } from './judge.js'
import { type ConnectorChanged, type ConnectorSwitch, connectorInstall } from './kinds.js'
import type { InstalledConnector, Registry } from './slot.js'

/** Who asks, and how. The context of a command is one. */
export interface Asking {
  readonly actor: ActorInput | undefined
  readonly dryRun: boolean
  readonly signal: AbortSignal
}

export interface RequestParts {
  readonly gate: Pick<Gate, 'act'>
  readonly packages: Packages
  readonly registry: Pick<Registry, 'get'>
  readonly incoming: Incoming
  /** Every check of a package that comes before anybody is asked. */
  readonly judge: (archive: Buffer) => Promise<Judged>
  readonly now: () => number
}

/** What became of a request about one connector. */
export interface Asked {
  readonly id: string
  readonly version: string
  readonly outcome: Outcome<ConnectorChanged>
}

/** What became of a request to install. */
export interface AskedToInstall extends Asked {
  readonly family: Family
  /** Whether it stays enabled: an enabled one whose new version may do no more. */
  readonly stays: boolean
}

export function act<I extends Json, O>(
  gate: Pick<Gate, 'act'>,
  { actor, dryRun, signal }: Asking,
  kind: ActionKind<I, O>,
  request: { readonly target: string; readonly input: I; readonly about: JsonObject },
): Promise<Outcome<O>> {
  return gate.act(kind, actor === undefined ? request : { ...request, actor }, { dryRun, signal })
}

/** Every check of an installation, down to the last file. */
export async function checkArchive({ packages, judge }: RequestParts, archive: Buffer): Promise<Judged> {
  const judged = await judge(archive)
  packages.check(archive, judged.head, judged.manifest)
  return judged
}

/**
 * Answers the connector itself when this very package is installed already. Throws `CONNECTOR_REFUSED` for a package of
 * another family than is wanted, `CATALOG_INVALID` for one that is not what was offered.
 */
export async function askToInstall(
  parts: RequestParts,
  asking: Asking,
  { archive, offer }: Received,
  wanted?: Family,
): Promise<AskedToInstall | { readonly installed: InstalledConnector }> {
  const { gate, registry, incoming, now } = parts
  const { manifest, head } = await checkArchive(parts, archive)
  const family = familyOf(manifest, wanted)
  const { id, version, publisher_id: publisher } = manifest
  if (offer && (offer.package_digest !== head.digest || offer.id !== id || offer.version !== version)) {
    const problem = `its archive of ${offer.id} ${offer.version} holds ${id} ${version}`
    throw new ClonedError('CATALOG_INVALID', { where: offer.location, problem })
  }
  const present = await registry.get(id)
  if (present?.digest === head.digest && present.status !== 'quarantined') return { installed: present }
  const name = incoming.put(archive, { hold: asking.dryRun, now: now() })
  const outcome = await act(gate, asking, connectorInstall, {
    target: id,
    input: { id, version, publisher, digest: head.digest, archive: name, previous: present?.digest ?? null },
    about: {
      title: `Install the ${family.one} ${id} ${version}`,
      publisher,
      tools: manifest.tools.map((tool) => tool.id),
    },
  })
  // Only what waits for a decision has to be kept.
  if (outcome.status !== 'pending') incoming.discard(name)
  const stays = present?.status === 'enabled' && present.manifest !== undefined && !widens(manifest, present.manifest)
  return { id, version, family, stays, outcome }
}

/** Throws `CONNECTOR_UNKNOWN`. */
export async function askToSwitch(
  { gate, registry }: Pick<RequestParts, 'gate' | 'registry'>,
  asking: Asking,
  kind: ActionKind<ConnectorSwitch, ConnectorChanged>,
  wanted: string,
): Promise<Asked> {
  const { id, version, digest, publisher, manifest } = await mustFind(registry, wanted)
  const [, verb = kind.id] = kind.id.split('.')
  const one = manifest ? familyOf(manifest).one : 'package'
  const tools = (manifest?.tools ?? []).map((tool) => tool.id)
  const outcome = await act(gate, asking, kind, {
    target: id,
    input: { id, digest },
    about: { title: `${verb[0]?.toUpperCase()}${verb.slice(1)} the ${one} ${id} ${version}`, publisher, tools },
  })
  return { id, version, outcome }
}

/** An installed connector. Throws `CONNECTOR_UNKNOWN`. */
export async function mustFind(registry: Pick<Registry, 'get'>, id: string): Promise<InstalledConnector> {
  const found = await registry.get(id)
  if (!found) throw new ClonedError('CONNECTOR_UNKNOWN', { id })
  return found
}
