// Keeps bytes under their SHA-256, once each; a file that does not hold what its name says is never taken for content.
import { createHash, randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { privateDirectory, syncDirectory } from 'cloned/kernel'
import type { NewArtifact } from 'cloned/plugins/artifacts'

/** There is more than may be kept. */
export class TooLarge extends Error {}

export interface Kept {
  readonly sha256: string
  readonly size: number
}

export class Contents {
  readonly #directory: () => string
  readonly #maxBytes: number

  constructor(directory: () => string, maxBytes: number) {
    this.#directory = directory
    this.#maxBytes = maxBytes
  }

  path(sha256: string): string {
    return join(this.#directory(), sha256)
  }

  /** Durable under its final name when it resolves; nothing is left of what fails. */
  async keep(content: NewArtifact['content'], signal: AbortSignal): Promise<Kept> {
    const directory = this.#directory()
    privateDirectory(join(directory, '..'))
    privateDirectory(directory)
    const staged = join(directory, `${randomBytes(12).toString('hex')}.part`)
    const file = await open(staged, 'wx', 0o600)
    try {
      const kept = await this.#write(file, content, signal)
      // Over what is there: if somebody has changed that, it is put right.
      await rename(staged, this.path(kept.sha256))
      syncDirectory(directory)
      return kept
    } catch (error) {
      await rm(staged, { force: true })
      throw error
    }
  }

  async #write(file: FileHandle, content: NewArtifact['content'], signal: AbortSignal): Promise<Kept> {
    const hash = createHash('sha256')
    let size = 0
    try {
      const pieces = typeof content === 'string' || content instanceof Uint8Array ? [Buffer.from(content)] : content
      for await (const piece of pieces) {
        signal.throwIfAborted()
        size += piece.byteLength
        if (size > this.#maxBytes) throw new TooLarge(`it is larger than ${this.#maxBytes} bytes`)
        hash.update(piece)
        await file.writeFile(piece)
      }
      await file.sync()
    } finally {
      await file.close()
    }
    return { sha256: hash.digest('hex'), size }
  }

  /** What is wrong with a content; `undefined` when it is all there. */
  async problem({ sha256, size }: Kept): Promise<string | undefined> {
    const hash = createHash('sha256')
    try {
      // A link or a pipe that somebody has put there is no content.
      const file = await open(this.path(sha256), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
      try {
        const found = await file.stat()
        if (!found.isFile() || found.size !== size) return `it is no file of ${size} bytes`
        for await (const piece of file.createReadStream({ autoClose: false })) hash.update(piece as Buffer)
      } finally {
        await file.close()
      }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' || code === 'ELOOP' || code === 'ENXIO') return 'there is no such file'
      throw error
    }
    return hash.digest('hex') === sha256 ? undefined : 'its bytes are not those that were saved'
  }
}
