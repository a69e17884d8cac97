// Lists what is in a directory of the workspace, sorted and bounded; follows no symlink and shows no `.cloned`.
import { lstat, opendir } from 'node:fs/promises'
import { HandlerError } from 'cloned/kernel'
import { type Directory, isForbiddenName, openDirectory, type Root, segmentsOf } from './confine.js'
import { compileGlob, type Glob } from './glob.js'
import { errnoOf, refuse, shown } from './refuse.js'

/** Most entries that one list answers. */
export const MAX_ENTRIES = 10_000
/** Most names that one list looks at. */
export const MAX_SCANNED = 100_000
const MAX_DEPTH = 64
const MAX_UNREADABLE = 100

/** One entry of a list. */
export interface Entry {
  /** Relative to the workspace root, with `/`. */
  readonly path: string
  readonly kind: 'file' | 'directory' | 'symlink' | 'other'
  /** Bytes of a file, 0 for the rest. */
  readonly size: number
}

/** What `fs.list` answers. */
export interface ListAnswer {
  readonly path: string
  /** Sorted by path, by UTF-16 code units. */
  readonly entries: readonly Entry[]
  /** Whether a limit was reached, so that there may be more. */
  readonly truncated: boolean
  /** Directories that could not be read; at most 100 are named. */
  readonly unreadable: readonly string[]
}

/** Limits, smaller in tests only. */
export interface ListLimits {
  readonly entries: number
  readonly scanned: number
}

/**
 * Lists the entries of a directory, or with `glob` everything below it whose path, relative to it, matches.
 * A list that is not truncated is complete but for what `unreadable` names.
 */
export async function listEntries(
  root: Root,
  path: string,
  glob: string | undefined,
  signal: AbortSignal,
  limits: ListLimits = { entries: MAX_ENTRIES, scanned: MAX_SCANNED },
): Promise<ListAnswer> {
  const compiled = compileGlob(glob ?? '*')
  // Without a glob the caller wants all of one directory, dot files included.
  const wanted: Glob = glob === undefined ? { reaches: () => false, matches: () => true } : compiled
  const asked = segmentsOf(path).join('/')
  const start = await openDirectory(root, path)
  const walk = new Walk(asked, wanted, signal, limits)
  await walk.into(start, [])
  walk.entries.sort((a, b) => (a.path < b.path ? -1 : 1))
  return { path: asked || '.', entries: walk.entries, truncated: walk.truncated, unreadable: walk.unreadable.sort() }
}

class Walk {
  readonly entries: Entry[] = []
  readonly unreadable: string[] = []
  truncated = false
  readonly #asked: string
  readonly #glob: Glob
  readonly #signal: AbortSignal
  readonly #limits: ListLimits
  #scanned = 0

  constructor(asked: string, glob: Glob, signal: AbortSignal, limits: ListLimits) {
    this.#asked = asked
    this.#glob = glob
    this.#signal = signal
    this.#limits = limits
  }

  /** Takes over the directory and closes it. */
  async into(directory: Directory, at: readonly string[]): Promise<void> {
    try {
      for (const { name, isDirectory } of await this.#names(directory, at)) {
        if (this.truncated) return
        const inner = [...at, name]
        if (this.#glob.matches(inner)) await this.#add(directory, name, inner)
        if (!isDirectory || !this.#glob.reaches(inner)) continue
        if (inner.length >= MAX_DEPTH) this.truncated = true
        else await this.#enter(directory, name, inner)
      }
    } finally {
      await directory.close()
    }
  }

  /** Sorted, so that a list cut off at the entry limit is the same list every time. */
  async #names(directory: Directory, at: readonly string[]): Promise<{ name: string; isDirectory: boolean }[]> {
    const found: { name: string; isDirectory: boolean }[] = []
    try {
      for await (const entry of await opendir(directory.self)) {
        this.#signal.throwIfAborted()
        if (isForbiddenName(entry.name)) continue
        if (++this.#scanned > this.#limits.scanned) {
          this.truncated = true
          return []
        }
        found.push({ name: entry.name, isDirectory: entry.isDirectory() })
      }
    } catch (error) {
      if (this.#signal.aborted) throw error
      this.#skip(at, error)
    }
    return found.sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  async #add(directory: Directory, name: string, inner: readonly string[]): Promise<void> {
    if (this.entries.length >= this.#limits.entries) {
      this.truncated = true
      return
    }
    const stat = await lstat(directory.at(name)).catch((error: unknown) => {
      // Removed since the directory was read: it is not there, so it is not listed.
      if (errnoOf(error) === 'ENOENT') return undefined
      throw refuse('FS_FAILED', { path: shown(this.#path(inner)), cause: errnoOf(error) })
    })
    if (!stat) return
    const kind = stat.isFile() ? 'file' : stat.isDirectory() ? 'directory' : stat.isSymbolicLink() ? 'symlink' : 'other'
    this.entries.push({ path: this.#path(inner), kind, size: kind === 'file' ? stat.size : 0 })
  }

  async #enter(directory: Directory, name: string, inner: readonly string[]): Promise<void> {
    let child: Directory
    try {
      child = await directory.directory(name)
    } catch (error) {
      this.#skip(inner, error)
      return
    }
    await this.into(child, inner)
  }

  #skip(inner: readonly string[], error: unknown): void {
    // Running out of handles or memory says nothing about this directory; only what does is skipped.
    const code = error instanceof HandlerError ? error.code : errnoOf(error)
    // Removed since its parent was read.
    if (code === 'ENOENT') return
    if (!['EACCES', 'EPERM', 'ENOTDIR', 'ELOOP', 'FS_PATH_REFUSED'].includes(code)) {
      throw refuse('FS_FAILED', { path: shown(this.#path(inner)), cause: code })
    }
    if (this.unreadable.length < MAX_UNREADABLE) this.unreadable.push(this.#path(inner))
    else this.truncated = true
  }

  #path(inner: readonly string[]): string {
    return [this.#asked, ...inner].filter((part) => part !== '').join('/') || '.'
  }
}
