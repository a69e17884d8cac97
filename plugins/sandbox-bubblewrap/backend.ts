// Finds out whether bubblewrap can be used here; starting a program is another file's.
import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ClonedError } from 'cloned/kernel'
import type { SandboxBackend, SandboxProblem } from '../sandbox/slot.js'
import { MEMORY_BYTES, TASKS } from './arguments.js'
import { seccompFilter } from './seccomp.js'
import type { Share } from './share.js'
import { start } from './start.js'
import { ARCHITECTURES } from './syscalls.js'

/** Never looked for along PATH: whoever sets that would choose the sandbox. */
const PLACES = ['/usr/bin/bwrap', '/usr/local/bin/bwrap', '/bin/bwrap', '/run/current-system/sw/bin/bwrap']
const OLDEST = [0, 8] as const

/** Where things are; tests put other ones in their place. */
export interface Surroundings {
  readonly places: readonly string[]
  readonly architecture: string
  readonly share: Share
}

const HERE: Surroundings = { places: PLACES, architecture: process.arch, share: { tasks: TASKS, bytes: MEMORY_BYTES } }

export function bubblewrapBackend(surroundings: Partial<Surroundings> = {}): SandboxBackend {
  const { places, architecture, share } = { ...HERE, ...surroundings }
  const calls = ARCHITECTURES[architecture]
  const find = () => places.find(executable)
  // Asked once: whether it does what it is for, every start proves anew.
  let fine: string | undefined
  return {
    name: 'bubblewrap',
    platforms: ['linux'],
    async problem() {
      if (!calls) return { problem: `there is no system call filter for ${architecture}`, fix: 'Use x64 or arm64.' }
      const program = find()
      if (program === undefined || program === fine) return program === undefined ? MISSING : undefined
      const problem = await usable(program)
      if (!problem) fine = program
      return problem
    },
    async start(program) {
      const bubblewrap = find()
      const { connector } = program
      if (!calls || bubblewrap === undefined) throw new ClonedError('SANDBOX_MISSING', { connector, ...MISSING })
      const filter = seccompFilter(calls)
      const launcher = { bubblewrap, filter, share, node: process.execPath, inside: insideFiles() }
      return await start(launcher, program)
    },
  }
}

const MISSING: SandboxProblem = {
  problem: 'bubblewrap is not installed',
  fix: 'Install it: apt-get install bubblewrap',
}

/** The compiled trial, and what says that it is a module. */
function insideFiles(): Readonly<Record<string, string>> {
  const here = import.meta.url
  // From sources there is only the compiled one of the last build to start.
  const compiled = here.endsWith('.ts') ? new URL('../../dist/plugins/sandbox-bubblewrap/', here) : new URL('./', here)
  const path = (name: string) => fileURLToPath(new URL(name, compiled))
  return {
    'inside.js': path('inside.js'),
    'agreed.js': path('agreed.js'),
    'package.json': path('../../../package.json'),
  }
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

async function usable(program: string): Promise<SandboxProblem | undefined> {
  const version = await said(program, '--version')
  const [, major, minor] = /^bubblewrap (\d+)\.(\d+)/.exec(version.out) ?? []
  if (major === undefined) return { problem: `${program} is not bubblewrap`, fix: MISSING.fix }
  if (Number(major) === OLDEST[0] && Number(minor) < OLDEST[1]) {
    return { problem: `${version.out.trim()} is older than ${OLDEST.join('.')}`, fix: 'Install a newer bubblewrap.' }
  }
  const trial = await said(program, '--unshare-all', '--unshare-user', '--ro-bind', '/', '/', '/bin/true')
  if (!trial.failed) return undefined
  return {
    problem: `it cannot make namespaces here (${trial.err.trim()})`,
    fix: 'Allow user namespaces: sysctl user.max_user_namespaces, or the AppArmor profile of bwrap on Ubuntu 24.04.',
  }
}

function said(program: string, ...args: string[]): Promise<{ failed: boolean; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(program, args, { env: {}, timeout: 5000, encoding: 'utf8' }, (error, out, err) => {
      resolve({ failed: error !== null, out, err: err === '' && error ? error.message : err })
    })
  })
}
