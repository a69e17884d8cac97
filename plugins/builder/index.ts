// Contributes the command `build`; it builds nothing unless a person asks.
import { definePlugin } from 'cloned/kernel'
import { commandsCollection } from '../cli/slot.js'
import { buildCommand } from './command.js'

export { exportedPlugins } from './exported.js'

export const builderPlugin = definePlugin({
  id: 'cloned.builder',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Builds a distribution into one directory that runs, with a lock and digests',
  contributes: { commands: commandsCollection },
  setup: () => ({ commands: [buildCommand] }),
})
