// Finds the descriptors that a child would inherit unasked, and covers them; none of this process may reach a sandbox.
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'

/** Bit of `flags:` in /proc/self/fdinfo: closed on exec. */
const CLOSE_ON_EXEC = 0o2000000

/**
 * Calls `spawn` with a list for `stdio` that goes on after `wanted`: whatever this process was itself started with and
 * would hand on is covered by `/dev/null`. Node opens nothing that children inherit, but its own parent may have.
 */
export function withoutInherited<T, S>(wanted: readonly S[], spawn: (stdio: (S | 'ignore' | number)[]) => T): T {
  const inherited = readdirSync('/proc/self/fd').map(Number).filter(isInherited)
  const stdio: (S | 'ignore' | number)[] = [...wanted]
  const nothing = openSync('/dev/null', 'r')
  try {
    for (let fd = wanted.length; fd <= Math.max(...inherited, 0); fd++) {
      stdio.push(inherited.includes(fd) ? nothing : 'ignore')
    }
    return spawn(stdio)
  } finally {
    closeSync(nothing)
  }
}

function isInherited(fd: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1]
    return flags === undefined || (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0
  } catch (error) {
    // The listing itself was open while it was read.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}
