// Tells in `cloned doctor` whether connectors can be confined here, and which are not; changes nothing.
import type { DoctorCheck } from '../doctor/slot.js'
import { nothingFor } from './sandbox.js'
import type { SandboxBackend, SandboxExemption } from './slot.js'

interface Asked {
  readonly backends: () => readonly SandboxBackend[]
  readonly exemptions: () => Promise<readonly SandboxExemption[]>
  readonly platform: string
}

export function sandboxChecks({ backends, exemptions, platform }: Asked): readonly DoctorCheck[] {
  return [
    {
      id: 'sandbox.backend',
      needs: 'nothing',
      async run() {
        const backend = backends().find(({ platforms }) => platforms.includes(platform))
        const problem = backend ? await backend.problem() : nothingFor(platform)
        if (!problem) return { level: 'ok', message: `connectors are confined by ${backend?.name}` }
        return { level: 'warn', message: `connectors cannot run: ${problem.problem}`, fix: problem.fix }
      },
    },
    {
      id: 'sandbox.exemptions',
      async run() {
        const all = await exemptions()
        if (all.length === 0) return { level: 'ok', message: 'every connector is confined' }
        const said = all.map(
          ({ connector, reason, until, by }) =>
            `${connector} until ${new Date(until).toISOString()}, on the word of ${by} (${reason})`,
        )
        return {
          level: 'warn',
          message: `without a sandbox: ${said.join('; ')}`,
          fix: `cloned sandbox require ${all[0]?.connector}`,
        }
      },
    },
  ]
}
