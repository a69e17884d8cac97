// Writes the approved documents as files for people and hosts, and says whether they still are what was approved.
import { lstatSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ClonedError, privateDirectory, readPrivateFile, writeFileAtomic } from 'cloned/kernel'
import type { StoredDocument } from './table.js'

/** The files of the trust store below `.cloned/trust`. */
export class TrustFiles {
  readonly #directory: string
  #checked: { readonly marks: string; readonly documents: readonly StoredDocument[] } | undefined

  constructor(directory: string) {
    this.#directory = directory
  }

  write(documents: readonly StoredDocument[]): void {
    privateDirectory(this.#directory)
    privateDirectory(join(this.#directory, 'publishers'))
    for (const { name, content, signature } of documents) {
      const path = join(this.#directory, `${name}.json`)
      if (content === '') {
        for (const gone of [path, `${path}.sig`]) rmSync(gone, { force: true })
        continue
      }
      writeFileAtomic(`${path}.sig`, signature)
      writeFileAtomic(path, content)
    }
    this.#checked = undefined
  }

  /** Takes away what was not approved; the approved documents are written anew. */
  restore(documents: readonly StoredDocument[]): void {
    privateDirectory(this.#directory)
    for (const path of this.#stray(documents)) rmSync(path, { recursive: true, force: true })
    this.write(documents)
  }

  /** The first file that is not as approved: changed, missing, or there without an approval. */
  drift(documents: readonly StoredDocument[]): string | undefined {
    const marks = this.#marks(documents)
    if (this.#checked?.documents === documents && this.#checked.marks === marks) return undefined
    const [stray] = this.#stray(documents)
    if (stray !== undefined) return stray
    for (const { name, content, signature } of documents) {
      if (content === '') continue
      const path = join(this.#directory, `${name}.json`)
      if (!holds(path, content)) return path
      if (!holds(`${path}.sig`, signature)) return `${path}.sig`
    }
    this.#checked = { marks, documents }
    return undefined
  }

  #marks(documents: readonly StoredDocument[]): string {
    const paths = documents.flatMap(({ name }) => [`${name}.json`, `${name}.json.sig`])
    return ['.', 'publishers', ...paths]
      .map((name) => lstatSync(join(this.#directory, name), { throwIfNoEntry: false, bigint: true }))
      .map((stats) => (stats ? `${stats.ino} ${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}` : '-'))
      .join('\n')
  }

  #stray(documents: readonly StoredDocument[]): string[] {
    const publishers = join(this.#directory, 'publishers')
    const found = lstatSync(publishers, { throwIfNoEntry: false })
    // A link in its place leads to files that are nobody's to compare, or to remove.
    if (found && !found.isDirectory()) return [publishers]
    const known = new Set(
      documents.flatMap(({ name, content }) => (content === '' ? [] : [`${name}.json`, `${name}.json.sig`])),
    )
    return ['root.json', 'root.json.sig', 'revocations.json', 'revocations.json.sig']
      .filter((name) => lstatSync(join(this.#directory, name), { throwIfNoEntry: false }) !== undefined)
      .concat((found ? readdirSync(publishers).sort() : []).map((name) => join('publishers', name)))
      .filter((name) => !known.has(name) && !name.endsWith('.tmp'))
      .map((name) => join(this.#directory, name))
  }
}

function holds(path: string, text: string): boolean {
  try {
    return readPrivateFile(path)?.equals(Buffer.from(text)) ?? false
  } catch (error) {
    // A link, or open to others: whatever it says, it is not the file that was written.
    if (error instanceof ClonedError && error.code === 'FILE_UNSAFE') return false
    throw error
  }
}
