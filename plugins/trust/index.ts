// Owns the trust store: whose signatures count and what was revoked; a change of it is always asked for.
import { ask, auditSlot, ClonedError, definePlugin, deny, gateSlot, isClonedError } from 'cloned/kernel'
import { routesCollection } from '../api/slot.js'
import { commandsCollection } from '../cli/slot.js'
import { doctorChecksCollection } from '../doctor/slot.js'
import { keysSlot } from '../keys/slot.js'
import { storeSlot } from '../store/slot.js'
import { workspaceSlot } from '../workspace/slot.js'
import { trustCheck } from './check.js'
import { changeCommands } from './commands/change.js'
import { listCommand } from './commands/list.js'
import type { TrustCommandParts } from './commands/parts.js'
import { rootCommand } from './commands/root.js'
import { changeWords, trustExecutor } from './execute.js'
import { TrustFiles } from './files.js'
import { beforeTrustWrite, type TrustChange, trustWrite } from './kind.js'
import { trustPart } from './routes.js'
import { createTrust } from './service.js'
import { trustSlot } from './slot.js'
import { type TrustState, TrustStates } from './state.js'
import { createTrustTable } from './table.js'

export {
  keysOf,
  type PublisherDocument,
  parseDocument,
  type RevocationEntry,
  type RevocationsDocument,
  type RootDocument,
} from './documents.js'
export { beforeTrustWrite, type TrustChange, trustWrite } from './kind.js'
export { createTrust } from './service.js'
export * from './slot.js'
export type { TrustState } from './state.js'

interface Open {
  readonly states: TrustStates
  readonly files: TrustFiles
}

export const trustPlugin = definePlugin({
  id: 'cloned.trust',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Publishers, their keys and revocations under one root of trust',
  requires: { workspace: workspaceSlot, store: storeSlot, keys: keysSlot, audit: auditSlot, gate: gateSlot },
  provides: { trust: trustSlot },
  contributes: { commands: commandsCollection, checks: doctorChecksCollection, routes: routesCollection },
  taps: [beforeTrustWrite],
  executes: [trustWrite],
  setup({ deps: { workspace, store, keys, audit, gate }, hooks, actions, onStart, onStop, log, now }) {
    const table = createTrustTable(store)
    let opened: Open | undefined
    const open = (): Open => {
      if (!opened) throw new ClonedError('KERNEL_STATE', { action: 'use the trust store', state: 'stopped' })
      return opened
    }
    onStart(async () => {
      await table.migrate()
      const files = new TrustFiles(workspace.path('trust'))
      opened = { files, states: new TrustStates(table, audit, files) }
    })
    onStop(() => {
      opened = undefined
    })
    const state = async (): Promise<TrustState> => await open().states.current()
    const drift = (current: TrustState) => open().states.drift(current)

    hooks.guard(beforeTrustWrite, async (action) => {
      try {
        const change = action.input as unknown as TrustChange
        const words = await changeWords(change, await state(), action.at)
        // What only takes trust away is for the policy to ask about.
        return change.op === 'revoke' ? undefined : ask(words, 'trust-write')
      } catch (error) {
        if (!isClonedError(error)) throw error
        return deny(error.message, { code: error.code, help: error.help })
      }
    })
    actions.execute(
      trustWrite,
      trustExecutor(() => ({ ...open(), table, keys, now })),
    )
    const parts: TrustCommandParts = {
      gate,
      state,
      drift,
      restore: ({ documents }) => open().files.restore(documents),
      now,
    }
    return {
      trust: createTrust({ states: () => open().states, now, log }),
      commands: [listCommand(parts), ...changeCommands(parts), rootCommand(parts)],
      checks: [trustCheck(state, drift, now)],
      routes: [trustPart(parts)],
    }
  },
})
