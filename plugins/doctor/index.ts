// Contributes the command `doctor` and the checks of the machine; whatever else is checked, other plugins bring.
import { definePlugin } from 'cloned/kernel'
import { routesCollection } from '../api/slot.js'
import { commandsCollection } from '../cli/slot.js'
import { machineChecks } from './checks.js'
import { doctorCommand } from './command.js'
import { programVersion } from './programs.js'
import { doctorPart } from './routes.js'
import { doctorChecksCollection } from './slot.js'

export * from './slot.js'

const ID = 'cloned.doctor'

export const doctorPlugin = definePlugin({
  id: ID,
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Collects health checks and shows what they found with a fix for each',
  owns: { checks: doctorChecksCollection },
  contributes: { commands: commandsCollection, routes: routesCollection, machine: doctorChecksCollection },
  setup({ collected }) {
    const machine = {
      nodeVersion: process.versions.node,
      generateCode: () => new Function('return 1')(),
      programVersion,
    }
    return {
      commands: [doctorCommand(collected.checks, ID)],
      routes: [doctorPart(collected.checks)],
      machine: machineChecks(machine),
    }
  },
})
