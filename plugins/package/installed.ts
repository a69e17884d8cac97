// Decides whether an unpacked package is still what was signed; a file that is more, less or other makes it none.
import { createHash } from 'node:crypto'
import { type BigIntStats, closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { sha256 } from 'cloned/kernel'
import { parents } from './extract.js'
import { MAX_MANIFEST_BYTES, MAX_SIGNATURE_BYTES } from './limits.js'
import { parseManifest } from './manifest.js'
import { MANIFEST, SIGNATURE } from './path.js'
import { refused } from './refuse.js'
import type { ConnectorManifest, PackageFile, PackageHead } from './slot.js'

const PIECE_BYTES = 256 * 1024

/** What a file looked like when its content was last hashed: the change time cannot be set back, whoever owns the file. */
type Seen = Map<string, { readonly mark: string; readonly sha256: string }>

/** Reads unpacked packages; remembers files that have not changed since it hashed them. */
export class InstalledPackages {
  readonly #seen: Seen = new Map()
  readonly #manifests = new Map<string, ConnectorManifest>()
  #piece: Buffer | undefined

  read(directory: string, digest: string): PackageHead & { readonly contents: ConnectorManifest } {
    const manifest = this.#small(join(directory, MANIFEST), MAX_MANIFEST_BYTES)
    if (manifest === undefined || sha256(manifest) !== digest) throw refused('its manifest is not the one installed')
    const signature = this.#small(join(directory, SIGNATURE), MAX_SIGNATURE_BYTES)
    const contents = this.#manifests.get(digest) ?? parseManifest(manifest)
    this.#manifests.set(digest, contents)
    mustHoldOnly(directory, contents.files, signature !== undefined)
    for (const file of contents.files) this.#check(join(directory, file.path), file)
    return { manifest, signature, digest, contents }
  }

  #check(path: string, file: PackageFile): void {
    const changed = () => refused(`the file ${file.path} is not what its manifest says`)
    const known = this.#seen.get(path)
    const now = known && lstatSync(path, { bigint: true, throwIfNoEntry: false })
    if (known && now && known.mark === markOf(now) && known.sha256 === file.sha256) return
    const opened = openPlain(path)
    if (!opened) throw changed()
    const { fd, stats } = opened
    try {
      if (stats.size !== BigInt(file.size) || (stats.mode & 0o100n) !== (file.executable ? 0o100n : 0n)) throw changed()
      if (this.#hash(fd, file.size) !== file.sha256) throw changed()
      this.#seen.set(path, { mark: markOf(stats), sha256: file.sha256 })
    } finally {
      closeSync(fd)
    }
  }

  #hash(fd: number, size: number): string {
    this.#piece ??= Buffer.allocUnsafe(PIECE_BYTES)
    // In one piece, as most files are, hashing takes half the time.
    if (size < PIECE_BYTES) {
      const read = readSync(fd, this.#piece, 0, PIECE_BYTES, 0)
      return read === size ? sha256(this.#piece.subarray(0, size)) : ''
    }
    const all = createHash('sha256')
    for (;;) {
      const read = readSync(fd, this.#piece, 0, PIECE_BYTES, null)
      if (read === 0) return all.digest('hex')
      all.update(this.#piece.subarray(0, read))
    }
  }

  #small(path: string, maxBytes: number): Buffer | undefined {
    const opened = openPlain(path)
    if (!opened) return undefined
    try {
      const { size } = opened.stats
      if (size > BigInt(maxBytes)) return undefined
      const bytes = Buffer.alloc(Number(size))
      const read = readSync(opened.fd, bytes, 0, bytes.length, 0)
      return read === bytes.length ? bytes : undefined
    } finally {
      closeSync(opened.fd)
    }
  }
}

/** Type, mode and number of names are in it too. */
function markOf({ dev, ino, mode, nlink, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev} ${ino} ${mode} ${nlink} ${size} ${mtimeNs} ${ctimeNs}`
}

/** A regular file with one name; never a link, a device or a pipe. */
function openPlain(path: string): { fd: number; stats: BigIntStats } | undefined {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0))
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (['ENOENT', 'ELOOP', 'ENOTDIR', 'ENXIO'].includes(code)) return undefined
    throw error
  }
  const stats = fstatSync(fd, { bigint: true })
  if (stats.isFile() && stats.nlink === 1n) return { fd, stats }
  closeSync(fd)
  return undefined
}

function mustHoldOnly(directory: string, files: readonly PackageFile[], signed: boolean): void {
  const wanted = new Set([MANIFEST, ...(signed ? [SIGNATURE] : []), ...files.map(({ path }) => path)])
  const directories = new Set(files.flatMap(({ path }) => parents(path)))
  const visit = (name: string) => {
    const path = join(directory, name)
    if (!lstatSync(path).isDirectory()) throw refused(`${name || 'it'} is not a directory any more`)
    for (const entry of readdirSync(path)) {
      const inner = name === '' ? entry : `${name}/${entry}`
      if (directories.has(inner)) visit(inner)
      else if (!wanted.delete(inner))
        throw refused(`it holds ${JSON.stringify(inner)}, which its manifest does not have`)
    }
  }
  visit('')
  const [missing] = wanted
  if (missing !== undefined) throw refused(`the file ${missing} is missing`)
}
