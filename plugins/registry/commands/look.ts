// The commands that show what is installed and how it stands; everything is verified anew for them.
import type { Command } from '../../cli/slot.js'

import { describePackage, fact } from '../describe.js'
import { CONNECTORS, registryOf } from '../family.js'
import { mustFind } from '../request.js'
import { type ConnectorCommandParts, connectorJson } from './parts.js'

export function lookCommands(all: ConnectorCommandParts): readonly Command[] {
  const parts = { ...all, registry: registryOf(CONNECTORS, all.registry) }
  return [
    {
      name: 'connectors list',
      summary: 'List the installed connectors and whether they may run',
      examples: ['cloned connectors list', 'cloned connectors list --json'],
      needs: 'workspace',
      async run({ table, paint, printable }) {
        const all = await parts.registry.list()
        const colour = { enabled: paint.green, disabled: paint.dim, quarantined: paint.red }
        const rows = all.map(({ id, version, publisher, status, problem, manifest }) => [
          id,
          version,
          publisher,
          colour[status](status),
          printable(problem ?? manifest?.title ?? ''),
        ])
        const text =
          all.length === 0
            ? 'No connectors. Install one: cloned connectors install FILE'
            : table(['connector', 'version', 'publisher', 'status', ''], rows)
        return { json: { connectors: all.map(connectorJson) }, text }
      },
    },
    {
      name: 'connectors show',
      summary: 'Show an installed connector: where it comes from, what it may do, how it stands',
      args: [{ name: 'id', description: 'Id of the connector', required: true }],
      examples: ['cloned connectors show acme.weather'],
      needs: 'workspace',
      async run({ args, printable, paint }) {
        const found = await mustFind(parts.registry, args['id'] ?? '')
        const { manifest, problem, status } = found
        const lines = [
          `${found.id} ${found.version}  ${status}`,
          ...(problem === undefined ? [] : [fact('problem', problem)]),
          fact('publisher', found.publisher),
          fact('digest', found.digest),
          fact('installed', `${new Date(found.installedAt).toISOString()} by ${found.installedBy}`),
          ...(manifest ? describePackage(manifest) : []),
        ]
        const [first = '', ...rest] = lines.map((line) => printable(line))
        return {
          exit: status === 'quarantined' ? 5 : 0,
          json: connectorJson(found),
          text: [paint.bold(first), ...rest].join('\n'),
        }
      },
    },
  ]
}
