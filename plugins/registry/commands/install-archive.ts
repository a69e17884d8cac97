// Asks for the installation of one archive, from a file or from a catalog; checked first, so that nobody is asked in vain.
import { ClonedError } from 'cloned/kernel'
import type { CommandContext, CommandResult } from '../../cli/slot.js'
import type { CatalogEntry } from '../catalog/index-file.js'
import { widens } from '../changes.js'
import { connectorInstall } from '../kinds.js'
import { askFor, type ConnectorCommandParts } from './parts.js'

export async function installArchive(
  parts: ConnectorCommandParts,
  ctx: CommandContext,
  archive: Buffer,
  offer?: CatalogEntry & { readonly location: string },
): Promise<CommandResult> {
  const { manifest, head } = await parts.judge(archive)
  parts.packages.check(archive, head, manifest)
  const { id, version, publisher_id: publisher } = manifest
  if (offer && (offer.package_digest !== head.digest || offer.id !== id || offer.version !== version)) {
    const problem = `its archive of ${offer.id} ${offer.version} holds ${id} ${version}`
    throw new ClonedError('CATALOG_INVALID', { where: offer.location, problem })
  }
  const present = await parts.registry.get(id)
  if (present?.digest === head.digest && present.status !== 'quarantined') {
    const json = { id, version, package_digest: head.digest, status: present.status }
    return { json, text: `${id} ${version} is installed already, ${present.status}.` }
  }
  const name = parts.incoming.put(archive, { hold: ctx.dryRun, now: parts.now() })
  // An enabled connector whose new version may do no more stays enabled.
  const stays = present?.status === 'enabled' && present.manifest && !widens(manifest, present.manifest)
  const enable = `cloned connectors enable ${id}`
  const result = await askFor(parts, ctx, connectorInstall, {
    target: id,
    input: { id, version, publisher, digest: head.digest, archive: name, previous: present?.digest ?? null },
    about: { title: `Install the connector ${id} ${version}`, publisher, tools: manifest.tools.map((tool) => tool.id) },
    done: `Installed ${id} ${version}.${stays ? '' : `\nNext: ${enable}`}`,
    ...(stays ? {} : { meanwhile: `Then: ${enable}` }),
  })
  // Only what waits for a decision has to be kept.
  if (result.exit !== 4) parts.incoming.discard(name)
  return result
}
