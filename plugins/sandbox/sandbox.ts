// Decides how a program of a connector is started: confined, or as a person has exempted it; there is no third way.
import { ClonedError } from 'cloned/kernel'
import { mustFit } from './fits.js'
import type { Sandbox, SandboxBackend, SandboxExemption } from './slot.js'
import { startUnconfined } from './unconfined.js'

interface SandboxParts {
  readonly backends: () => readonly SandboxBackend[]
  readonly exemptions: () => Promise<readonly SandboxExemption[]>
  readonly platform: string
}

export function createSandbox({ backends, exemptions, platform }: SandboxParts): Sandbox {
  const exemption = async (connector: string) => (await exemptions()).find((each) => each.connector === connector)
  const confine: Sandbox['confine'] = async (program) => {
    const backend = backends().find(({ platforms }) => platforms.includes(platform))
    const { connector } = program
    mustFit(program)
    const problem = backend ? await backend.problem() : nothingFor(platform)
    if (!backend || problem)
      throw new ClonedError('SANDBOX_MISSING', { connector, ...(problem ?? nothingFor(platform)) })
    return await backend.start(program)
  }
  return {
    exemptions,
    confine,
    async start(program) {
      const exempt = await exemption(program.connector)
      mustFit(program)
      return exempt ? startUnconfined(program, exempt) : await confine(program)
    },
  }
}

/** Why there is no backend. */
export function nothingFor(platform: string): { problem: string; fix: string } {
  return { problem: `no sandbox is there for ${platform}`, fix: 'Run connectors on Linux with bubblewrap.' }
}
