// Finds out whether the package sandbox-runtime can be used here, and how it is told what a program may see; starts nothing.
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ClonedError, describeThrown } from 'cloned/kernel'
import type { SandboxBackend, SandboxProblem, SandboxProgram } from '../sandbox/slot.js'
import { start } from './start.js'

interface Restrictions {
  readonly network: { readonly allowedDomains: readonly string[]; readonly deniedDomains: readonly string[] }
  readonly filesystem: {
    readonly denyRead: readonly string[]
    readonly allowRead: readonly string[]
    readonly allowWrite: readonly string[]
    readonly denyWrite: readonly string[]
  }
}

/** What is used of the package `@anthropic-ai/sandbox-runtime`. It has one state for the whole process. */
export interface SandboxRuntime {
  readonly SandboxManager: {
    initialize(restrictions: Restrictions): Promise<void>
    /** A command for a shell that runs this one confined. */
    wrapWithSandbox(command: string, shell: string, restrictions: Restrictions): Promise<string>
  }
}

/** Parts of the system that programs need; of everything else only names of directories can be seen. */
const SYSTEM = [
  '/usr',
  '/bin',
  '/sbin',
  '/System',
  '/Library',
  '/opt',
  '/dev',
  '/etc',
  '/private/etc',
  '/lib',
  '/lib64',
]

/** `load` answers the package, or throws. */
export function runtimeBackend(load: () => Promise<SandboxRuntime>): SandboxBackend {
  let ready: Promise<SandboxRuntime['SandboxManager']> | undefined
  const manager = () => {
    ready ??= initialized(load).catch((error: unknown) => {
      ready = undefined
      throw error
    })
    return ready
  }
  return {
    name: 'sandbox-runtime',
    platforms: ['darwin'],
    async problem() {
      try {
        await manager()
        return undefined
      } catch (error) {
        return missing(error)
      }
    },
    async start(program) {
      const { connector, egress, mounts, environment } = program
      if (mounts || environment) {
        const problem = 'on this system programs see no directories and variables of the host'
        throw new ClonedError('SANDBOX_FAILED', { connector, problem })
      }
      // Its proxy is one for the whole process, so that whoever connects there could be any connector.
      if (egress) {
        const problem =
          'on this system only programs that ask the host for their requests (cloned/connector) reach hosts'
        throw new ClonedError('SANDBOX_FAILED', { connector, problem })
      }
      const { wrapWithSandbox } = await manager()
      const restrictions = restrictionsFor(program)
      return await start(program, (command) => wrapWithSandbox(command, '/bin/sh', restrictions))
    },
  }
}

async function initialized(load: () => Promise<SandboxRuntime>): Promise<SandboxRuntime['SandboxManager']> {
  const { SandboxManager } = await load()
  await SandboxManager.initialize(restrictions([]))
  return SandboxManager
}

function restrictionsFor({ directory, shared }: SandboxProgram): Restrictions {
  const here = dirname(fileURLToPath(import.meta.url))
  const compiled = here.endsWith('dist/plugins/sandbox-runtime')
    ? here
    : join(here, '../../dist/plugins/sandbox-runtime')
  const packages = (shared?.paths ?? []).map((path) => join(shared?.root ?? '', path))
  return restrictions([...SYSTEM, dirname(process.execPath), directory, compiled, ...packages])
}

function restrictions(allowRead: readonly string[]): Restrictions {
  return {
    network: { allowedDomains: [], deniedDomains: [] },
    filesystem: { denyRead: ['/', homedir()], allowRead, allowWrite: [], denyWrite: ['/'] },
  }
}

function missing(error: unknown): SandboxProblem {
  return {
    problem: `the package @anthropic-ai/sandbox-runtime cannot be used (${describeThrown(error)})`,
    fix: 'Install it beside cloned: npm install @anthropic-ai/sandbox-runtime@0.0.78',
  }
}
