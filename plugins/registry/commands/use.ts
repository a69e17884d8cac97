// The commands that install connectors and switch them; each asks the gate for one exact package.
import { resolve } from 'node:path'
import type { ActionKind, Json } from 'cloned/kernel'
import type { Command } from '../../cli/slot.js'
import { changesFrom } from '../changes.js'
import { describePackage, fact } from '../describe.js'
import { readArchive } from '../incoming.js'
import {
  type ConnectorChanged,
  type ConnectorSwitch,
  connectorDisable,
  connectorEnable,
  connectorRemove,
} from '../kinds.js'
import { CATALOG, type CatalogCommandParts, fetching, fromCatalog } from './catalog.js'
import { installArchive } from './install-archive.js'
import { askFor, type ConnectorCommandParts, mustFind } from './parts.js'

/** Never the name of a package file, which ends in `.tgz`. */
const NAME = /^[a-z][a-z0-9.-]*(?<!\.tgz)(?:@[0-9][0-9A-Za-z.-]*)?$/
const ID = [{ name: 'id', description: 'Id of the connector', required: true }]

export function useCommands(parts: CatalogCommandParts): readonly Command[] {
  return [
    {
      name: 'connectors verify',
      summary: 'Check a package as an installation would, without installing it',
      args: [{ name: 'file', description: 'The package', required: true }],
      examples: ['cloned connectors verify acme.weather-1.0.0.tgz'],
      needs: 'workspace',
      async run(ctx) {
        const archive = readArchive(resolve(ctx.cwd, ctx.args['file'] ?? ''), parts.packages.maxBytes)
        const { head, manifest, kids, downgrade } = await parts.judge(archive)
        parts.packages.check(archive, head, manifest)
        const { id, version, publisher_id } = manifest
        const present = await parts.registry.get(id)
        const changes = present?.manifest && changesFrom(manifest, present.manifest)
        const lines = [
          `${id} ${version}  verified`,
          fact('publisher', `${publisher_id}, by key ${kids.join(', ')}`),
          fact('digest', head.digest),
          ...describePackage(manifest),
          ...(present ? [fact('installed', [present.version, changes].filter(Boolean).join('; this one '))] : []),
          ...(downgrade ? [fact('DOWNGRADE', 'a newer version was installed here already')] : []),
        ]
        const json = {
          id,
          version,
          publisher: publisher_id,
          package_digest: head.digest,
          kids,
          downgrade,
          installed: present?.version ?? null,
          changes: changes ?? null,
          manifest: manifest as unknown as Json,
        }
        return { json, text: lines.map((line) => ctx.printable(line)).join('\n') }
      },
    },
    {
      name: 'connectors install',
      summary: 'Ask to install a package, disabled until it is enabled',
      args: [{ name: 'package', description: 'A file, or id or id@version in a catalog', required: true }],
      options: [CATALOG],
      examples: ['cloned connectors install acme.weather-1.0.0.tgz', 'cloned connectors install acme.weather@1.0.0'],
      needs: 'workspace',
      run(ctx) {
        const name = ctx.args['package'] ?? ''
        if (NAME.test(name)) return fetching(ctx, () => fromCatalog(parts, ctx, name))
        return installArchive(parts, ctx, readArchive(resolve(ctx.cwd, name), parts.packages.maxBytes))
      },
    },
    switchCommand(parts, connectorEnable, 'Enable', 'Ask to let an installed connector run'),
    switchCommand(parts, connectorDisable, 'Disable', 'Ask to let a connector run no longer'),
    switchCommand(parts, connectorRemove, 'Remove', 'Ask to remove an installed connector'),
  ]
}

function switchCommand(
  parts: ConnectorCommandParts,
  kind: ActionKind<ConnectorSwitch, ConnectorChanged>,
  verb: 'Enable' | 'Disable' | 'Remove',
  summary: string,
): Command {
  const name = `connectors ${verb.toLowerCase()}`
  return {
    name,
    summary,
    args: ID,
    examples: [`cloned ${name} acme.weather`],
    needs: 'workspace',
    async run(ctx) {
      const { id, version, digest, publisher, manifest } = await mustFind(parts, ctx.args['id'] ?? '')
      const tools = (manifest?.tools ?? []).map((tool) => tool.id)
      return await askFor(parts, ctx, kind, {
        target: id,
        input: { id, digest },
        about: { title: `${verb} the connector ${id} ${version}`, publisher, tools },
        done: `${verb}d ${id} ${version}.`,
      })
    },
  }
}
