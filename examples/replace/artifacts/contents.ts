// Keeps bytes under their SHA-256, once each; a file that does not hold what its name says is never taken for content.
import { randomBytes } from 'node:crypto'
import { rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { privateDirectory, syncDirectory } from 'cloned/kernel'
import { type ArtifactManifest, contentProblem, type NewArtifact, writeContent } from 'cloned/plugins/artifacts'

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
  async keep(content: NewArtifact['content'], signal: AbortSignal) {
    const directory = this.#directory()
    privateDirectory(dirname(directory))
    privateDirectory(directory)
    const staged = join(directory, `${randomBytes(12).toString('hex')}.part`)
    try {
      const kept = await writeContent(staged, 'bytes', content, this.#maxBytes, signal)
      // Over what is there: if somebody has changed that, it is put right.
      await rename(join(staged, 'content', 'bytes'), this.path(kept.sha256))
      syncDirectory(directory)
      return kept
    } finally {
      await rm(staged, { recursive: true, force: true })
    }
  }

  /** What is wrong with a content; `undefined` when it is all there. */
  problem(manifest: Pick<ArtifactManifest, 'size' | 'sha256'>): Promise<string | undefined> {
    return contentProblem({ path: this.path(manifest.sha256), manifest })
  }
}
