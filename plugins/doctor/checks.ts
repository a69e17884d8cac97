// Checks the machine that this process runs on; what is optional is told, and never called a fault.
import { describeThrown } from 'cloned/kernel'
import satisfies from 'semver/functions/satisfies.js'
import type { DoctorCheck } from './slot.js'

const NODE_RANGE = '>=20.19.0'

/** Programs that some features use, and which. */
const OPTIONAL_PROGRAMS = [
  ['bwrap', 'the sandbox of connectors'],
  ['python3', 'connectors written in Python'],
  ['strace', 'tests that watch system calls'],
  ['jq', 'examples in the docs'],
] as const

/** What the checks ask the machine. */
export interface Machine {
  readonly nodeVersion: string
  /** Makes code from text; throws where that is forbidden. */
  readonly generateCode: () => unknown
  /** What a program says of its version; `undefined` when it is not there. */
  readonly programVersion: (program: string) => Promise<string | undefined>
}

export function machineChecks(machine: Machine): readonly DoctorCheck[] {
  return [
    {
      id: 'node.version',
      needs: 'nothing',
      async run() {
        const { nodeVersion } = machine
        if (satisfies(nodeVersion, NODE_RANGE)) return { level: 'ok', message: `Node ${nodeVersion}` }
        return {
          level: 'fail',
          message: `Node ${nodeVersion} is not ${NODE_RANGE}`,
          fix: 'Install Node 20.19 or newer',
        }
      },
    },
    {
      id: 'node.code-generation',
      needs: 'nothing',
      async run() {
        try {
          machine.generateCode()
          return { level: 'ok', message: 'allowed, as hooks and schemas need it' }
        } catch (cause) {
          return {
            level: 'fail',
            message: `hooks and schemas are compiled, and this process forbids it: ${describeThrown(cause)}`,
            fix: 'Start Node without --disallow-code-generation-from-strings',
          }
        }
      },
    },
    ...OPTIONAL_PROGRAMS.map(
      ([program, use]): DoctorCheck => ({
        id: `optional.${program}`,
        needs: 'nothing',
        async run() {
          try {
            const version = await machine.programVersion(program)
            return { level: 'ok', message: version ?? `not found; only for ${use}` }
          } catch (cause) {
            return { level: 'ok', message: `does not run (${describeThrown(cause)}); only for ${use}` }
          }
        },
      }),
    ),
  ]
}
