// Writes what is about to become an artifact, beside those that stand; whatever is left here is nobody's.
import { createHash } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describeThrown } from 'cloned/kernel'
import type { NewArtifact } from './slot.js'

export const STAGING = '.staging'
const STALE_MS = 24 * 3_600_000
const PIECE = 1024 * 1024

/** A name, a type or a size that no artifact may have. */
export class Refused extends Error {}

/** Writes `content/<filename>` into a directory, read-only and synced. Throws {@link Refused} for too much, or when `signal` aborts. */
export async function writeContent(
  staged: string,
  filename: string,
  content: NewArtifact['content'],
  maxBytes: number,
  signal: AbortSignal,
): Promise<{ readonly size: number; readonly sha256: string }> {
  const folder = join(staged, 'content')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const hash = createHash('sha256')
  let size = 0
  await writing(join(folder, filename), async (handle) => {
    for await (const piece of piecesOf(content)) {
      signal.throwIfAborted()
      size += piece.byteLength
      if (size > maxBytes) throw new Refused(`it has more than ${maxBytes} bytes`)
      hash.update(piece)
      await handle.writeFile(piece)
    }
  })
  await syncDirectory(folder)
  return { size, sha256: hash.digest('hex') }
}

/** Writes a file that is not meant to be written again. */
export function writeSealed(path: string, bytes: Uint8Array): Promise<void> {
  return writing(path, (handle) => handle.writeFile(bytes))
}

async function writing(path: string, write: (handle: FileHandle) => Promise<void>): Promise<void> {
  const handle = await open(path, 'wx', 0o600)
  try {
    await write(handle)
    await handle.chmod(0o444)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function* pieces(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += PIECE) yield bytes.subarray(at, at + PIECE)
}

function piecesOf(content: NewArtifact['content']): AsyncIterable<Uint8Array> | Iterable<Uint8Array> {
  if (typeof content === 'string') return pieces(Buffer.from(content))
  return content instanceof Uint8Array ? pieces(content) : content
}

export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Removes what was staged; answers the cause of the failure, with a second one when that fails too. */
export async function discard(staged: string, cause: unknown): Promise<unknown> {
  try {
    await rm(staged, { recursive: true, force: true })
    return cause
  } catch (error) {
    return new AggregateError([cause, error], `${describeThrown(cause)}; removing ${staged}: ${describeThrown(error)}`)
  }
}

/**
 * Removes what killed processes left half written. Another process may be staging now, hence the age, by the clock that
 * stamps the files (that of `fresh`): the kernel's may be another.
 */
export async function sweep(staging: string, fresh: string): Promise<void> {
  const now = (await stat(fresh)).mtimeMs
  for (const name of await readdir(staging)) {
    const path = join(staging, name)
    const found = await stat(path).catch((error: unknown) => {
      if ((error as { code?: string }).code === 'ENOENT') return undefined
      throw error
    })
    if (found && now - found.mtimeMs > STALE_MS) await rm(path, { recursive: true, force: true })
  }
}
