// Tells where the user's own workspaces are noted, outside of all of them; imports no kernel, so that a hook can ask early.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** One file for each directory that holds a `.cloned`, by the digest of its real path; it says the id of the workspace. */
export function notePath(configHome: string, root: string): string {
  return join(configHome, 'cloned', 'workspaces', createHash('sha256').update(root).digest('hex'))
}

/** Id of the workspace that this user made in a directory; `undefined` when that is not noted. */
export function notedId(configHome: string, root: string): string | undefined {
  try {
    return readFileSync(notePath(configHome, root), 'utf8').trim()
  } catch {
    // Missing or not readable: then it is nobody's, and has to be named.
    return undefined
  }
}
