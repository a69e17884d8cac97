// Looks into the workspace, always through the gate: every read and every list is a governed call of its own.
import { posix } from 'node:path'
import type { HandlerContext, Outcome } from 'cloned/kernel'

/** Something of the workspace, or why it could not be seen. */
export type Seen<T> = { readonly found: T } | { readonly unseen: string }

const LARGEST = 256 * 1024
const AT_ONCE = 16

type Caller = Pick<HandlerContext, 'call'>

/** The texts of files; `undefined` for a file that is not there. */
export function readAll(paths: readonly string[], ctx: Caller): Promise<Map<string, Seen<string | undefined>>> {
  return collect(paths, async (path) => {
    const outcome = await ctx.call('cloned.internal.fs.read@v1', { path })
    if (outcome.status === 'failed' && outcome.code === 'FS_NOT_FOUND') return { found: undefined }
    if (outcome.status !== 'done') return { unseen: why(outcome) }
    const { content } = outcome.output as { content: string }
    return content.length > LARGEST ? { unseen: `longer than ${LARGEST} characters` } : { found: content }
  })
}

/** Whether a name stands in a directory: the paths of its entries, or nothing when there is no such directory. */
export function listAll(directories: readonly string[], ctx: Caller): Promise<Map<string, Seen<ReadonlySet<string>>>> {
  return collect(directories, async (path) => {
    const outcome = await ctx.call('cloned.internal.fs.list@v1', { path })
    if (outcome.status === 'failed' && outcome.code === 'FS_NOT_FOUND') return { found: new Set<string>() }
    if (outcome.status !== 'done') return { unseen: why(outcome) }
    const { entries, truncated } = outcome.output as { entries: { path: string }[]; truncated: boolean }
    if (truncated) return { unseen: `"${path}" has too many entries` }
    return { found: new Set(entries.map((entry) => posix.normalize(entry.path))) }
  })
}

// Several at once, because every call waits for the audit log twice; not all at once, because others wait for it too.
async function collect<T>(keys: readonly string[], see: (key: string) => Promise<T>): Promise<Map<string, T>> {
  const seen = new Map<string, T>()
  for (let at = 0; at < keys.length; at += AT_ONCE) {
    const some = keys.slice(at, at + AT_ONCE)
    const answers = await Promise.all(some.map(see))
    for (const [i, key] of some.entries()) seen.set(key, answers[i] as T)
  }
  return seen
}

function why(outcome: Outcome): string {
  switch (outcome.status) {
    case 'pending':
      return 'reading it needs an approval'
    case 'denied':
    case 'failed':
      return outcome.code
    default:
      return outcome.status
  }
}
