// Keeps archives until somebody has decided about them; what comes back is what was put in, or nothing.
import { closeSync, constants, fstatSync, mkdirSync, openSync, readdirSync, readSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ClonedError, describeThrown, privateDirectory, readPrivateFile, sha256, writeFileAtomic } from 'cloned/kernel'

/** Longer than any approval waits. */
const KEPT_MS = 30 * 24 * 3_600_000

export class Incoming {
  readonly #directory: () => string
  readonly #maxBytes: number
  readonly #held = new Map<string, Buffer>()

  constructor(directory: () => string, maxBytes: number) {
    this.#directory = directory
    this.#maxBytes = maxBytes
  }

  /** Answers the digest it is kept under; with `hold` in this process alone, until it is discarded. */
  put(archive: Buffer, { hold, now }: { hold: boolean; now: number }): string {
    const digest = sha256(archive)
    if (hold) {
      this.#held.set(digest, archive)
      return digest
    }
    mkdirSync(join(this.#directory(), '..'), { recursive: true, mode: 0o700 })
    privateDirectory(this.#directory())
    this.#sweep(now)
    writeFileAtomic(this.#path(digest), archive)
    return digest
  }

  /** Throws `INCOMING_GONE` when it is not there, or not itself. */
  get(digest: string): Buffer {
    const held = this.#held.get(digest)
    if (held) return held
    const bytes = readPrivateFile(this.#path(digest), { maxBytes: this.#maxBytes })
    if (bytes && sha256(bytes) === digest) return bytes
    throw new ClonedError('INCOMING_GONE', { archive: digest })
  }

  discard(digest: string): void {
    if (!this.#held.delete(digest)) rmSync(this.#path(digest), { force: true })
  }

  #sweep(now: number): void {
    for (const name of readdirSync(this.#directory())) {
      const path = join(this.#directory(), name)
      const stats = statSync(path, { throwIfNoEntry: false })
      if (stats && now - stats.mtimeMs > KEPT_MS) rmSync(path, { force: true })
    }
  }

  #path(digest: string): string {
    return join(this.#directory(), `${digest}.tgz`)
  }
}

/** Reads a package that somebody named. Throws `PACKAGE_INVALID`. */
export function readArchive(path: string, maxBytes: number): Buffer {
  try {
    return readPlainFile(path, maxBytes)
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    const problem = missing ? `there is no file ${path}` : describeThrown(cause)
    throw new ClonedError('PACKAGE_INVALID', { problem }, { cause })
  }
}

/** Reads a regular file that may come from anywhere, up to a limit. */
export function readPlainFile(path: string, maxBytes: number): Buffer {
  // Without O_NONBLOCK a pipe in its place would hold the process.
  const fd = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  try {
    const stats = fstatSync(fd)
    if (!stats.isFile()) throw new Error(`${path} is not a plain file`)
    if (stats.size > maxBytes) throw new Error(`${path} is larger than ${maxBytes} bytes`)
    const bytes = Buffer.alloc(stats.size)
    let at = 0
    while (at < bytes.length) {
      const read = readSync(fd, bytes, at, bytes.length - at, at)
      if (read === 0) break
      at += read
    }
    return bytes.subarray(0, at)
  } finally {
    closeSync(fd)
  }
}
