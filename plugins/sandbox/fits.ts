// Decides whether what a program is to see of the host may go into a sandbox; must never let it reach what the sandbox rests on.
import { realpathSync } from 'node:fs'
import { isAbsolute, relative } from 'node:path'
import { ClonedError } from 'cloned/kernel'
import { type Mounts, type SandboxProgram, TAKEN_VARIABLE, VARIABLE_NAME } from './slot.js'

/** Of the machine, of the sandbox itself, or full of sockets and devices. */
const NEVER = ['/proc', '/dev', '/sys', '/run', '/app', '/var/run']
/** What the sandbox brings itself; below them a program may be shown something, and write nothing. */
const SYSTEM = ['/usr', '/etc', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/boot']

/** Throws `SANDBOX_FAILED`. */
export function mustFit({ connector, mounts, environment = {} }: SandboxProgram): void {
  const problem = unfitVariable(environment) ?? (mounts && unfitMounts(mounts))
  if (problem !== undefined) throw new ClonedError('SANDBOX_FAILED', { connector, problem })
}

function unfitVariable(environment: Readonly<Record<string, string>>): string | undefined {
  for (const [name, value] of Object.entries(environment)) {
    if (!VARIABLE_NAME.test(name)) return `${JSON.stringify(name.slice(0, 100))} is no name of a variable`
    if (TAKEN_VARIABLE.test(name)) return `the variable ${name} is not for programs to be given`
    if (value.includes('\0')) return `the value of ${name} holds a zero byte`
  }
  return undefined
}

function unfitMounts({ read, write, hidden, cwd }: Mounts): string | undefined {
  for (const path of [...read, ...write]) {
    if (!isAbsolute(path) || real(path) !== path) return `${path} is not the real path of something that is there`
    if ([...NEVER, ...SYSTEM, '/tmp'].some((system) => within(system, path))) return `${path} holds parts of the system`
    if (NEVER.some((system) => within(path, system))) return `${path} is part of the system`
    if (hidden.some((secret) => within(path, secret))) return `${path} is not for programs to see`
  }
  const written = write.find((path) => SYSTEM.some((system) => within(path, system)))
  if (written !== undefined) return `${written} is part of the system and cannot be written`
  if (cwd !== undefined && ![...read, ...write].some((path) => within(cwd, path))) {
    return `the current directory ${cwd} is not in what it may see`
  }
  return undefined
}

function real(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined
  }
}

/** Whether a path is the other one or lies below it. */
export function within(path: string, other: string): boolean {
  const way = relative(other, path)
  return way === '' || (!way.startsWith('..') && !isAbsolute(way))
}
