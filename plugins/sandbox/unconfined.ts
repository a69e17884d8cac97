// Starts a program that a person has exempted from the sandbox; without its rights it must still end with this process.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import type { Ended, SandboxExemption, SandboxProcess, SandboxProgram } from './slot.js'

/**
 * Descriptor 3 ends when this process does, after a kill -9 too; the child that waits for that then kills the whole group.
 * What leaves its group by itself is beyond reach here; in a sandbox it is not.
 */
const GUARDED = '( exec </dev/null >/dev/null 2>&1; cat <&3; kill -KILL 0 ) & exec 3<&-; exec "$@"'

/** Starts it with the few variables that a sandbox would set, in a group of its own. */
export function startUnconfined(program: SandboxProgram, exemption: SandboxExemption): SandboxProcess {
  const [name = '', ...rest] = program.command
  const command = name === 'node' ? [process.execPath, '--import', sharedModules(program), ...rest] : [name, ...rest]
  const child = spawn('/bin/sh', ['-c', GUARDED, 'sh', ...command], {
    cwd: program.mounts?.cwd ?? program.directory,
    env: { PATH: '/usr/bin:/bin', HOME: '/tmp', TMPDIR: '/tmp', LANG: 'C.UTF-8', ...program.environment },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  })
  const [stdin, stdout, stderr, life] = child.stdio as unknown as [Writable, Readable, Readable, Writable]
  life.on('error', () => undefined)
  // The group outlives its first process in what that has started.
  child.once('exit', () => life.destroy())
  const ended = new Promise<Ended>((resolve) => {
    child.once('error', () => resolve({ code: null, signal: null }))
    child.once('exit', (code, signal) => resolve({ code, signal }))
  })
  return { stdin, stdout, stderr, backend: 'off', exemption, ended, kill: () => void killGroup(child.pid) }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** A module that lets Node find the shared packages, which a sandbox would mount beside the program. */
function sharedModules({ shared }: SandboxProgram): string {
  const here = import.meta.url
  const hooks = here.endsWith('.ts')
    ? new URL('../../dist/plugins/sandbox/shared.js', here)
    : new URL('./shared.js', here)
  const modules = Object.entries(shared?.modules ?? {}).map(([specifier, path]) => [
    specifier,
    pathToFileURL(join(shared?.root ?? '', path)).href,
  ])
  const [url, data] = [hooks.href, Object.fromEntries(modules)].map((value) => JSON.stringify(value))
  const code = `import { register } from 'node:module'; register(${url}, { data: ${data} })`
  return `data:text/javascript,${encodeURIComponent(code)}`
}
