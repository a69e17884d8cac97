// Shows what a connector may do, and what changes of it, to the person who is asked; it puts nothing in place.
import type { Previewer } from '../approvals/slot.js'
import type { ConnectorManifest } from '../package/slot.js'
import { describePackage } from './describe.js'
import { type ChangeParts, manifestOf } from './install.js'
import { judge } from './judge.js'
import { type ConnectorInstall, type ConnectorSwitch, connectorEnable, connectorInstall } from './kinds.js'

/** Previews of installing and of enabling. */
export function connectorPreviews(parts: ChangeParts): readonly Previewer[] {
  const installed = async (id: string) => {
    const row = (await parts.table.state()).installed.find((candidate) => candidate.id === id)
    const manifest = row && manifestOf(parts.packages, parts.directory(), row)
    return manifest && textOf(manifest)
  }
  return [
    {
      kind: connectorInstall.id,
      async preview({ input }) {
        const { id, archive } = input as ConnectorInstall
        const { manifest } = await judge(parts, parts.incoming.get(archive))
        const change = { what: `what ${id} may do`, before: await installed(id), after: textOf(manifest) }
        return { change, rollback: `cloned connectors remove ${id}` }
      },
    },
    {
      kind: connectorEnable.id,
      async preview({ input }) {
        const { id } = input as ConnectorSwitch
        const after = await installed(id)
        if (after === undefined) throw new Error(`what is installed of ${id} cannot be read`)
        const change = { what: `what ${id} may do`, before: undefined, after }
        return { change, rollback: `cloned connectors disable ${id}` }
      },
    },
  ]
}

function textOf(manifest: ConnectorManifest): string {
  return `${describePackage(manifest).join('\n')}\n`
}
