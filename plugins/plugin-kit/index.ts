// Contributes the commands for people who write plugins; it has no part in any action.
import { definePlugin } from 'cloned/kernel'
import { commandsCollection } from '../cli/slot.js'
import { initCommand } from './init-command.js'
import { verifyCommand } from './verify-command.js'

export const pluginKitPlugin = definePlugin({
  id: 'cloned.plugin-kit',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Starts and checks packages of plugins',
  contributes: { commands: commandsCollection },
  setup: () => ({ commands: [initCommand, verifyCommand] }),
})
