// Watches and reads the overlay file; must never wait on one that is not a plain file, nor read without a limit.
import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats, statSync } from 'node:fs'
import { ClonedError, describeThrown, isClonedError, sha256 } from 'cloned/kernel'

const MAX_BYTES = 1024 * 1024

/** The text of an overlay file. */
export interface OverlayFile {
  readonly text: string
  /** SHA-256 of `text`. */
  readonly digest: string
}

/** Where an overlay file is, how people know it, and what makes its text valid (throws `FILE_INVALID`). */
export interface OverlayPlace {
  readonly path: string
  /** For texts: `.cloned/policy/personal.yaml`. */
  readonly name: string
  readonly check: (text: string) => void
}

type Mark = Pick<Stats, 'ino' | 'size' | 'mtimeMs' | 'ctimeMs'> | undefined

/** The overlay file as it was at the last look. */
export class OverlayWatch {
  readonly #place: OverlayPlace
  #mark: Mark | 'unknown' = 'unknown'
  #file: OverlayFile | undefined
  #fault: ClonedError | undefined
  #lookedThisTurn = false

  constructor(place: OverlayPlace) {
    this.#place = place
  }

  /**
   * One look, at most one in a turn of the event loop (calls in one turn see one policy; a look costs as much as a sixth
   * of the gate, measured); reads again only when something happened to the file, and says so.
   */
  glance(): boolean {
    if (this.#lookedThisTurn) return false
    this.#lookedThisTurn = true
    setImmediate(() => {
      this.#lookedThisTurn = false
    }).unref()
    return this.look()
  }

  /** One look, now. */
  look(): boolean {
    const { path, name, check } = this.#place
    const before = this.#mark
    try {
      // Taken before the reading: a change in between is seen by the next look.
      this.#mark = statSync(path, { throwIfNoEntry: false })
      if (before !== 'unknown' && sameMark(before, this.#mark)) return false
      this.#fault = undefined
      this.#file = readOverlay(path, name)
      if (this.#file) check(this.#file.text)
    } catch (error) {
      if (!isClonedError(error)) this.#mark = 'unknown'
      this.#fault = isClonedError(error) ? error : unreadable(name, describeThrown(error), error)
    }
    return true
  }

  /** `undefined` when there is no file. Throws `FILE_INVALID` for one that cannot be used. */
  file(): OverlayFile | undefined {
    if (this.#fault) throw this.#fault
    return this.#file
  }
}

/** The change time is compared too: it cannot be set back, the others can. */
function sameMark(a: Mark, b: Mark): boolean {
  if (a === undefined || b === undefined) return a === b
  return a.ino === b.ino && a.size === b.size && a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs
}

/** Reads the file; `undefined` when there is none. Throws `FILE_INVALID`, worded with `name`, for any other reason. */
export function readOverlay(path: string, name: string): OverlayFile | undefined {
  let fd: number
  try {
    // Without O_NONBLOCK opening a pipe would wait for its writer, and every call with it.
    fd = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw unreadable(name, describeThrown(error), error)
  }
  try {
    const stats = fstatSync(fd)
    if (!stats.isFile()) throw unreadable(name, 'it is not a plain file')
    if (stats.size >= MAX_BYTES) throw unreadable(name, 'the file is 1 MB or larger')
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(fd))
    return { text, digest: sha256(text) }
  } catch (error) {
    if (isClonedError(error)) throw error
    throw unreadable(name, error instanceof TypeError ? 'it is not UTF-8 text' : describeThrown(error), error)
  } finally {
    closeSync(fd)
  }
}

function unreadable(path: string, problem: string, cause?: unknown): ClonedError {
  return new ClonedError('FILE_INVALID', { path, line: '', problem }, { cause })
}
