// Makes control groups for the programs of a host that is root, whom the kernel holds to no number of processes; one that cannot be made is none.
import { existsSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Share } from './share.js'

const ROOT = '/sys/fs/cgroup'
const PREFIX = 'cloned-'
const LATER_MS = 500

/** A control group for one program. */
export interface Group {
  /** A process is in it once its id is written to `cgroup.procs` in each of them. */
  readonly directories: readonly string[]
  /** Once every process of it is gone. What is not gone yet, the next {@link makeGroup} removes. */
  remove(): void
}

/** Groups of programs that may still run. */
const live = new Set<string>()

/** `undefined` where this process may make none: then what a program takes is only watched. */
export function makeGroup(nonce: string, { tasks, bytes }: Share): Group | undefined {
  if (process.getuid?.() !== 0) return undefined
  const limits: readonly (readonly [controller: string, file: string, limit: number])[] = existsSync(
    join(ROOT, 'cgroup.controllers'),
  )
    ? [
        ['', 'pids.max', tasks],
        ['', 'memory.max', bytes],
      ]
    : [
        ['pids', 'pids.max', tasks],
        ['memory', 'memory.limit_in_bytes', bytes],
      ]
  const name = `${PREFIX}${process.pid}-${nonce}`
  const bases = [...new Set(limits.map(([controller]) => join(ROOT, controller)))]
  const directories = bases.map((base) => join(base, name))
  const remove = () => {
    live.delete(name)
    const gone = directories.map((directory) => attempt(() => rmdirSync(directory)))
    // The last of its processes may still be on its way out.
    if (gone.includes(false)) setTimeout(() => sweep(bases), LATER_MS).unref()
  }
  sweep(bases)
  live.add(name)
  const made = attempt(() => {
    if (limits[0]?.[0] === '') writeFileSync(join(ROOT, 'cgroup.subtree_control'), '+pids +memory')
    for (const directory of directories) mkdirSync(directory, { mode: 0o700 })
    for (const [controller, file, limit] of limits) writeFileSync(join(ROOT, controller, name, file), `${limit}`)
  })
  if (made) return { directories, remove }
  remove()
  return undefined
}

/** Groups of hosts that were killed, and of programs that took their time to end. */
function sweep(bases: readonly string[]): void {
  for (const base of bases) {
    for (const name of existsSync(base) ? readdirSync(base) : []) {
      if (!name.startsWith(PREFIX) || live.has(name)) continue
      const pid = name.slice(PREFIX.length).split('-')[0] ?? ''
      if (Number(pid) !== process.pid && existsSync(`/proc/${pid}`)) continue
      attempt(() => rmdirSync(join(base, name)))
    }
  }
}

/** Whether it worked; containers show control groups read-only, and one that has processes cannot be removed. */
function attempt(work: () => void): boolean {
  try {
    work()
    return true
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (['EROFS', 'EACCES', 'EPERM', 'ENOENT', 'EBUSY', 'EINVAL', 'EOPNOTSUPP', 'ENOTDIR'].includes(code)) return false
    throw error
  }
}
