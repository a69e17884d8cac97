// The commands that install connectors and switch them; each asks the gate for one exact package.
import { resolve } from 'node:path'

import type { ActionKind, Json } from 'cloned/kernel'
import { actionResult, type Command } from '../../cli/slot.js'
import { changesFrom } from '../changes.js'
import { describePackage, fact } from '../describe.js'
import { CONNECTORS, type Family, registryOf, SKILLS } from '../family.js'
import { readArchive } from '../incoming.js'
import {
  type ConnectorChanged,
  type ConnectorSwitch,
  connectorDisable,
  connectorEnable,
  connectorRemove,
} from '../kinds.js'
import { askToSwitch, checkArchive } from '../request.js'
import { CATALOG, fetching, fromCatalog } from './catalog.js'
import { installArchive } from './install-archive.js'
import type { CatalogCommandParts, ConnectorCommandParts } from './parts.js'

/** Never the name of a package file, which ends in `.tgz`. */
const NAME = /^[a-z][a-z0-9.-]*(?<!\.tgz)(?:@[0-9][0-9A-Za-z.-]*)?$/
const ID = [{ name: 'id', description: 'Id of the package', required: true }]

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
        const { head, manifest, kids, downgrade } = await checkArchive(parts, archive)
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
    ...changeCommands(parts, CONNECTORS),
  ]
}

/** The same for skill packs, which are installed like connectors and run nothing of their own. */
export function skillPackCommands(parts: CatalogCommandParts): readonly Command[] {
  return changeCommands(parts, SKILLS)
}

function changeCommands(all: CatalogCommandParts, family: Family): readonly Command[] {
  const parts = { ...all, registry: registryOf(family, all.registry) }
  const { name, one } = family
  return [
    {
      name: `${name} install`,
      summary: `Ask to install a ${one}, disabled until it is enabled`,
      args: [{ name: 'package', description: 'A file, or id or id@version in a catalog', required: true }],
      options: [CATALOG],
      examples: [`cloned ${name} install acme.weather-1.0.0.tgz`, `cloned ${name} install acme.weather@1.0.0`],
      needs: 'workspace',
      run(ctx) {
        const wanted = ctx.args['package'] ?? ''
        if (NAME.test(wanted)) return fetching(ctx, () => fromCatalog(parts, ctx, wanted, family))
        return installArchive(
          parts,
          ctx,
          { archive: readArchive(resolve(ctx.cwd, wanted), parts.packages.maxBytes) },
          family,
        )
      },
    },
    switchCommand(parts, connectorEnable, family, 'Enable', `Ask to let an installed ${one} run`),
    switchCommand(parts, connectorDisable, family, 'Disable', `Ask to let a ${one} run no longer`),
    switchCommand(parts, connectorRemove, family, 'Remove', `Ask to remove an installed ${one}`),
  ]
}

function switchCommand(
  parts: ConnectorCommandParts,
  kind: ActionKind<ConnectorSwitch, ConnectorChanged>,
  family: Family,
  verb: 'Enable' | 'Disable' | 'Remove',
  summary: string,
): Command {
  const name = `${family.name} ${verb.toLowerCase()}`
  return {
    name,
    summary,
    args: ID,
    examples: [`cloned ${name} acme.weather`],
    needs: 'workspace',
    async run(ctx) {
      const { id, version, outcome } = await askToSwitch(parts, ctx, kind, ctx.args['id'] ?? '')
      return actionResult(outcome, `${verb}d ${id} ${version}.`, ctx)
    },
  }
}
