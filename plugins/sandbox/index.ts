// Wires the sandbox into a distribution; backends are plugins of their own.
import { ask, definePlugin, gateSlot } from 'cloned/kernel'
import { commandsCollection } from '../cli/slot.js'
import { doctorChecksCollection } from '../doctor/slot.js'
import { beforeConnectorInstall } from '../registry/slot.js'
import { storeSlot } from '../store/slot.js'
import { sandboxCommands } from './commands.js'
import { sandboxChecks } from './doctor.js'
import { createExemptions } from './exemptions.js'
import { offExecutor, requiredExecutor, sandboxOff, sandboxRequired } from './kinds.js'
import { createSandbox } from './sandbox.js'
import { sandboxBackendsCollection, sandboxSlot } from './slot.js'

export * from './slot.js'

/** Starts programs that are not trusted, confined. */
export const sandboxPlugin = definePlugin({
  id: 'cloned.sandbox',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Starts the programs of connectors, confined.',
  requires: { store: storeSlot, gate: gateSlot },
  provides: { sandbox: sandboxSlot },
  owns: { backends: sandboxBackendsCollection },
  contributes: { commands: commandsCollection, checks: doctorChecksCollection },
  taps: [beforeConnectorInstall],
  executes: [sandboxOff, sandboxRequired],
  setup({ deps, collected, hooks, actions, onStart, now }) {
    const exemptions = createExemptions(deps.store, now)
    const backends = () => collected.backends().map(({ item }) => item)
    const asked = { backends, exemptions: () => exemptions.inForce(), platform: process.platform }
    const sandbox = createSandbox(asked)
    actions.execute(sandboxOff, offExecutor(exemptions, now))
    actions.execute(sandboxRequired, requiredExecutor(exemptions))
    // Said of the connector as it was: whoever decides about another version has to know.
    hooks.guard(beforeConnectorInstall, async ({ target }) => {
      const word = (await exemptions.inForce()).find(({ connector }) => connector === target)
      if (!word) return undefined
      const until = new Date(word.until).toISOString()
      return ask(`${target} runs WITHOUT A SANDBOX until ${until}, and so would this version`, 'unconfined')
    })
    onStart(() => exemptions.open())
    return { sandbox, commands: sandboxCommands(deps.gate, sandbox), checks: sandboxChecks(asked) }
  },
})
