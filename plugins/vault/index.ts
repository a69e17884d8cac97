// Owns the vault slot: picks the provider, enforces scopes, governs writes; it keeps no secret itself.
import {
  beforeToolCall,
  ClonedError,
  configSchema,
  definePlugin,
  gateSlot,
  type Json,
  onApprovalDecided,
} from 'cloned/kernel'
import { routesCollection } from '../api/slot.js'
import { commandsCollection } from '../cli/slot.js'
import { doctorChecksCollection } from '../doctor/slot.js'
import { keysSlot } from '../keys/slot.js'
import { workspaceSlot } from '../workspace/slot.js'
import { adoption } from './adoption.js'
import { Grants } from './bind.js'
import { vaultCheck } from './check.js'
import { lookCommands } from './commands/look.js'
import { manageCommands } from './commands/manage.js'
import type { VaultCommandParts } from './commands/parts.js'
import { secretCommands } from './commands/secrets.js'
import { vaultExecutor } from './execute.js'
import { vaultWrite } from './kind.js'
import { chosenProvider, openProvider, providersByName } from './provider.js'
import { refuseReferences } from './reference-guard.js'
import { type OpenedProvider, Resolver } from './resolve.js'
import { vaultPart } from './routes.js'
import { sealer } from './seal.js'
import { createVault } from './service.js'
import { secretListenersCollection, vaultProvidersCollection, vaultSlot } from './slot.js'
import { createWrites } from './writes.js'

export { Grants } from './bind.js'
export { vaultWrite } from './kind.js'
export { refuseReferences } from './reference-guard.js'
export { isSecretName, normaliseScope, scopeRefusal } from './scope.js'
export { type Holder, makeSecret, wipe } from './secret.js'
export * from './slot.js'
export { parseTemplate } from './template.js'

const config = configSchema<{ readonly plaintextLoopback: boolean }>({
  type: 'object',
  additionalProperties: false,
  properties: {
    plaintextLoopback: {
      type: 'boolean',
      default: false,
      description: 'Whether secrets may go to this machine itself without TLS. For tests of connectors.',
    },
  },
})

export const vaultPlugin = definePlugin({
  id: 'cloned.vault',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Secrets by name, bound late and only where they may go; kept by the provider that the workspace names',
  requires: { workspace: workspaceSlot, keys: keysSlot, gate: gateSlot },
  provides: { vault: vaultSlot },
  owns: { providers: vaultProvidersCollection, listeners: secretListenersCollection },
  contributes: { commands: commandsCollection, routes: routesCollection, checks: doctorChecksCollection },
  taps: [beforeToolCall, onApprovalDecided],
  executes: [vaultWrite],
  config,
  setup({ deps: { workspace, keys, gate }, collected, config, hooks, actions, onStart, onStop, log, now }) {
    const section = () => workspace.config.vault
    const adopting = adoption(keys, () => workspace.path('vault', 'adopted'))
    const sealing = sealer(keys, () => workspace.path('vault', 'sealed'), now)
    const chosen = () => chosenProvider({ providers: collected.providers, section }).name
    let running = false
    let opening: Promise<OpenedProvider> | undefined

    const opened = async (): Promise<OpenedProvider> => {
      if (!running) throw new ClonedError('VAULT_CLOSED', {})
      // One that failed is tried again: the key may have come, the section may have been adopted.
      opening ??= openProvider({ providers: collected.providers, section, adoption: adopting }).catch((error) => {
        opening = undefined
        throw error
      })
      return await opening
    }
    const grants = new Grants({ now, plaintextLoopback: config.plaintextLoopback })
    const resolver = new Resolver({
      provider: opened,
      listeners: () => collected.listeners().map(({ item }) => item),
      grants,
      workspace: () => workspace.config.id,
      log,
      now,
    })
    onStart(() => {
      running = true
    })
    onStop(async () => {
      running = false
      resolver.close()
      const closing = await opening?.catch(() => undefined)
      opening = undefined
      await closing?.provider.close()
    })

    const sectionJson = () => section() as unknown as Json | undefined
    hooks.guard(beforeToolCall, refuseReferences)
    hooks.observe(onApprovalDecided, ({ action, state }) => {
      const sealed = action.kind === vaultWrite.id && (action.input as { sealed?: unknown }).sealed
      if (typeof sealed === 'string' && state === 'denied') sealing.discard(sealed)
    })
    actions.execute(
      vaultWrite,
      vaultExecutor({
        provider: opened,
        section: sectionJson,
        chosen,
        sealer: sealing,
        adoption: adopting,
        changed: () => resolver.forget(),
      }),
    )
    const writes = createWrites({ gate, sealer: sealing, chosen })
    const vault = createVault({ opened, resolver, grants, writes })
    const parts: VaultCommandParts = {
      vault,
      writes,
      opened,
      providers: () => [...providersByName(collected.providers()).values()],
      chosen,
      section: sectionJson,
      adopted: async () => adopting.adopted(sectionJson() ?? null),
    }
    return {
      vault,
      commands: [...secretCommands(parts), ...lookCommands(parts), ...manageCommands(parts)],
      checks: [vaultCheck(vault)],
      routes: [vaultPart(vault)],
    }
  },
})
