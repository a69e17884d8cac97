// Writes the only spelling of an archive member that packages have; nothing here reads a header that it would not write.
import { refused } from './refuse.js'

const BLOCK = 512
const NAME_BYTES = 100
const PREFIX_BYTES = 155

/** What follows the last member. */
export const END = Buffer.alloc(2 * BLOCK)

/** Bytes of a member with header and padding. */
export function memberBytes(size: number): number {
  return BLOCK + Math.ceil(size / BLOCK) * BLOCK
}

/** The header of a regular file (POSIX ustar): no owner, no time. Throws for a path that has no room in it. */
export function header(path: string, size: number, executable = false): Buffer {
  const block = Buffer.alloc(BLOCK)
  const [prefix, name] = split(path)
  block.write(name, 0)
  block.write(executable ? '0000755' : '0000644', 100)
  block.write('0000000', 108)
  block.write('0000000', 116)
  block.write(size.toString(8).padStart(11, '0'), 124)
  block.write('00000000000', 136)
  block.write('        ', 148)
  block.write('0', 156)
  block.write('ustar\u000000', 257)
  block.write(prefix, 345)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return block
}

/** A whole member. */
export function member(path: string, content: Uint8Array, executable = false): Buffer[] {
  return [header(path, content.length, executable), Buffer.from(content), padding(content.length)]
}

/** A reader that knows what has to come next. */
export class TarReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** The size that the next header gives, if that header is the one of this path; else `undefined`. */
  sizeOf(path: string): number | undefined {
    const found = this.#bytes.subarray(this.#at, this.#at + BLOCK)
    const digits = found.toString('latin1', 124, 135)
    if (!/^[0-7]{11}$/.test(digits)) return undefined
    const size = Number.parseInt(digits, 8)
    return found.equals(header(path, size)) ? size : undefined
  }

  /** The content of the next member, which must be this file. Throws when it is another, or cut short. */
  take(path: string, size: number, executable = false): Buffer {
    const bytes = this.#bytes
    const start = this.#at + BLOCK
    if (!bytes.subarray(this.#at, start).equals(header(path, size, executable))) {
      throw refused(`its archive does not go on with ${path} as its manifest says`)
    }
    const end = this.#at + memberBytes(size)
    if (end > bytes.length) throw refused(`its archive ends within ${path}`)
    if (!bytes.subarray(start + size, end).equals(padding(size))) throw refused(`its archive hides data after ${path}`)
    this.#at = end
    return bytes.subarray(start, start + size)
  }

  /** Throws unless the archive ends here. */
  end(): void {
    if (!this.#bytes.subarray(this.#at).equals(END)) {
      throw refused('its archive does not end after the last file of its manifest')
    }
  }
}

function padding(size: number): Buffer {
  return Buffer.alloc(memberBytes(size) - BLOCK - size)
}

function split(path: string): readonly [prefix: string, name: string] {
  if (Buffer.byteLength(path) <= NAME_BYTES) return ['', path]
  for (let at = path.indexOf('/'); at > 0; at = path.indexOf('/', at + 1)) {
    const parts = [path.slice(0, at), path.slice(at + 1)] as const
    if (Buffer.byteLength(parts[0]) <= PREFIX_BYTES && Buffer.byteLength(parts[1]) <= NAME_BYTES) return parts
  }
  throw refused(`the path ${path} has a part that is longer than ${NAME_BYTES} bytes`)
}
