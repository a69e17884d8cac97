// Replaces one text file of the workspace in one step; readers see the old content or the new, never a part.
import { randomBytes } from 'node:crypto'
import { lstat, rename, rm } from 'node:fs/promises'
import { fail, HandlerError, sha256 } from 'cloned/kernel'
import { createIn, openTarget, type Root, segmentsOf, standsAt, type Target } from './confine.js'
import { MAX_FILE_BYTES, tooLarge } from './read.js'
import { errnoOf, refuse, refusePath, shown } from './refuse.js'

/** What `fs.write` answers. */
export interface WriteAnswer {
  readonly path: string
  readonly size: number
  readonly sha256: string
  /** Whether the file is new. */
  readonly created: boolean
}

/**
 * Writes a file of at most {@link MAX_FILE_BYTES}, making missing directories (0700). A new file gets mode 0600, a replaced
 * one keeps its permissions. Failures say whether anything was changed, made directories included.
 */
export async function writeText(root: Root, path: string, content: string, signal: AbortSignal): Promise<WriteAnswer> {
  const bytes = Buffer.from(content)
  if (bytes.byteLength > MAX_FILE_BYTES) throw tooLarge(path, bytes.byteLength)
  const target = await openTarget(root, path)
  const progress: Progress = { effect: target.made ? 'happened' : 'none' }
  try {
    const created = await replace(target, path, bytes, signal, progress)
    return { path: segmentsOf(path).join('/'), size: bytes.byteLength, sha256: sha256(bytes), created }
  } catch (error) {
    const refusal =
      error instanceof HandlerError ? error : refuse('FS_FAILED', { path: shown(path), cause: errnoOf(error) })
    const { message, code, help } = refusal
    throw new HandlerError(message, { effect: progress.effect, code, ...(help === undefined ? {} : { help }) })
  } finally {
    await target.directory.close()
  }
}

interface Progress {
  effect: 'none' | 'happened' | 'unknown'
}

async function replace(
  { directory, name }: Target,
  path: string,
  bytes: Buffer,
  signal: AbortSignal,
  progress: Progress,
): Promise<boolean> {
  const before = await lstat(directory.at(name)).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  })
  const mode = before ? before.mode & 0o777 : 0o600
  const temporary = `.${randomBytes(8).toString('hex')}.tmp`
  try {
    const handle = await createIn(directory, temporary, 0o600)
    try {
      await handle.writeFile(bytes)
      await handle.chmod(mode)
      await handle.sync()
    } finally {
      await handle.close()
    }
    if (!(await standsAt(directory.handle, directory.path))) throw refusePath(path, 'its directory was moved meanwhile')
    if (signal.aborted)
      throw fail(`writing ${shown(path)} was cancelled before the file was replaced`, { code: 'CANCELLED' })
    await rename(directory.at(temporary), directory.at(name))
  } catch (error) {
    await rm(directory.at(temporary), { force: true })
    throw error
  }
  // From here on a failure leaves open whether the new name survives a power cut.
  progress.effect = 'unknown'
  await directory.handle.sync()
  return before === undefined
}
