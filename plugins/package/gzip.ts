// Compresses and expands archives: one gzip member, nothing after it; must never expand beyond the size it was told.
import { constants, crc32, createInflateRaw, deflateRawSync, inflateRawSync } from 'node:zlib'
import { refused } from './refuse.js'

// Deflate, no name, no time, unknown system: the same bytes on every machine.
const HEAD = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255])
const TAIL_BYTES = 8

export function gzip(bytes: Buffer): Buffer {
  const tail = Buffer.alloc(TAIL_BYTES)
  tail.writeUInt32LE(crc32(bytes), 0)
  tail.writeUInt32LE(bytes.length, 4)
  return Buffer.concat([HEAD, deflateRawSync(bytes, { level: 9 }), tail])
}

/** Expands the whole. Throws unless it comes to exactly `size` bytes and ends where the archive ends. */
export function gunzip(archive: Buffer, size: number): Buffer {
  const body = bodyOf(archive)
  // Node's types know nothing of `info`; its documentation does.
  const inflated = expand(() => inflateRawSync(body, { info: true, maxOutputLength: Math.max(size, 1) } as object))
  const { buffer, engine } = inflated as unknown as { buffer: Buffer; engine: { bytesWritten: number } }
  if (buffer.length !== size) throw refused(`it expands to ${buffer.length} bytes, where its manifest has ${size}`)
  if (engine.bytesWritten !== body.length) throw refused('there is data after its end')
  const tail = archive.subarray(-TAIL_BYTES)
  if (tail.readUInt32LE(0) !== crc32(buffer) || tail.readUInt32LE(4) !== size) throw refused('its checksum is wrong')
  return buffer
}

/** The first bytes of the expanded archive, `bytes` of them or as many as there are. Expands no more than it has to. */
export async function gunzipStart(archive: Buffer, bytes: number): Promise<Buffer> {
  const inflate = createInflateRaw({ finishFlush: constants.Z_SYNC_FLUSH })
  const pieces: Buffer[] = []
  let length = 0
  try {
    inflate.end(bodyOf(archive))
    for await (const piece of inflate) {
      pieces.push(piece as Buffer)
      length += (piece as Buffer).length
      if (length >= bytes) break
    }
  } catch (cause) {
    throw refused('it cannot be expanded', cause)
  }
  return Buffer.concat(pieces).subarray(0, bytes)
}

function bodyOf(archive: Buffer): Buffer {
  // Optional header fields would be a place to hide things in; only the time stamp and the system may differ.
  if (archive.length < HEAD.length + TAIL_BYTES || !archive.subarray(0, 4).equals(HEAD.subarray(0, 4))) {
    throw refused('it is not a gzip file without optional fields')
  }
  return archive.subarray(HEAD.length, archive.length - TAIL_BYTES)
}

function expand(work: () => Buffer): Buffer {
  try {
    return work()
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw refused(code === 'ERR_BUFFER_TOO_LARGE' ? 'it expands to more than it says' : 'it cannot be expanded', cause)
  }
}
