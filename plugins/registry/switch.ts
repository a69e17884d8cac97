// Carries out approved switching on, switching off and removal of an installed connector.
import { ClonedError, type Executor, type HandlerContext } from 'cloned/kernel'
import { type ChangeParts, changed, refusing, settled } from './install.js'
import { type ConnectorChanged, type ConnectorSwitch, switchInput } from './kinds.js'
import type { LiveRegistry } from './live.js'
import { packageDirectory, removeTree } from './place.js'
import type { Installed } from './table.js'

type SwitchExecutor = Executor<ConnectorSwitch, ConnectorChanged>
type Work = (row: Installed, ctx: HandlerContext) => Promise<Installed>

/** The executors of the three kinds. */
export function switchExecutors(
  parts: ChangeParts,
  live: () => LiveRegistry,
): { readonly enable: SwitchExecutor; readonly disable: SwitchExecutor; readonly remove: SwitchExecutor } {
  const { table, directory } = parts
  const executor = (record: string, work: Work): SwitchExecutor => ({
    input: switchInput,
    async execute(input, ctx) {
      const row = await refusing(async () => await work(await find(parts, input), ctx))
      const { id, version, digest } = row
      await ctx.record(record, { connector: id, version, package_digest: digest })
      await settled(parts, ctx, id)
      return changed(row)
    },
  })
  return {
    enable: executor('registry.enable', async (row) => {
      const { status, problem = '' } = (await live().get(row.id)) ?? { status: 'quarantined' }
      if (status === 'quarantined') throw new ClonedError('CONNECTOR_QUARANTINED', { id: row.id, problem })
      await table.enable(row.id, row.digest, true)
      return { ...row, enabled: true }
    }),
    disable: executor('registry.disable', async (row) => {
      await table.enable(row.id, row.digest, false)
      return { ...row, enabled: false }
    }),
    remove: executor('registry.remove', async (row) => {
      await table.remove(row.id, row.digest)
      removeTree(packageDirectory(directory(), row.digest))
      return { ...row, enabled: false }
    }),
  }
}

async function find({ table }: ChangeParts, { id, digest }: ConnectorSwitch): Promise<Installed> {
  const row = (await table.state()).installed.find((candidate) => candidate.id === id)
  if (row?.digest === digest) return row
  throw new ClonedError('CONNECTOR_UNKNOWN', { id: row ? `${id} (${digest})` : id })
}
