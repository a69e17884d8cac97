// Opens a build that is one file: checks it, unpacks it for this user, checks that; must never load what differs from it.
import { hash } from 'node:crypto'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { getgid, getuid, platform } from 'node:process'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { changed, check, fail } from './check.js'

type Environment = Readonly<Record<string, string | undefined>>

/** What a build that is one file knows of itself. */
export interface Packed {
  /** `import.meta.url` of the file. */
  readonly url: string
  /** SHA-256 of the file with zeros in the place of this. */
  readonly digest: string
  readonly lockDigest: string
}

/** Before its last line, which holds the files. */
export const PAYLOAD = '\n//'
/** Stands in the file for its own digest while that is computed. */
export const BLANK = '0'.repeat(64)

/** The URL of the directory with its files, ending in a slash. Throws `BUILD_…`. */
export function unpacked({ url, digest, lockDigest }: Packed, env: Environment): URL {
  const self = fileURLToPath(url)
  const text = readFileSync(self, 'latin1')
  if (digestOf(text, digest) !== digest) throw changed(basename(self))
  const home = unpackedHome(env)
  try {
    // Without links: what is checked is what is loaded.
    const place = join(ownDirectory(home), digest)
    const root = pathToFileURL(`${place}/`)
    if (existsSync(place)) {
      if (isWhole(root, lockDigest)) return root
      replace(place)
    }
    unpack(text.slice(text.lastIndexOf(PAYLOAD) + PAYLOAD.length), place)
    check(root, lockDigest)
    return root
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === undefined || code.startsWith('BUILD_')) throw cause
    const next = 'Set XDG_CACHE_HOME to a directory that you may write to, or build a directory: cloned build'
    throw fail('BUILD_CACHE', `${basename(self)} cannot be unpacked into ${home} (${code}).`, next, 1, cause)
  }
}

/** SHA-256 of the text of a file that names its digest, without that. */
export function digestOf(text: string, digest = BLANK): string {
  return hash('sha256', Buffer.from(text.replace(digest, BLANK), 'latin1'))
}

/** A crash of the machine may have left half of it, and a person may have tidied up: the file has everything. */
function isWhole(root: URL, lockDigest: string): boolean {
  try {
    check(root, lockDigest)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'BUILD_TAMPERED') throw error
    return false
  }
}

function replace(place: string): void {
  const beside = mkdtempSync(join(dirname(place), '.old-'))
  try {
    renameSync(place, join(beside, 'old'))
  } finally {
    rmSync(beside, { recursive: true, force: true })
  }
}

function unpack(payload: string, place: string): void {
  const files = JSON.parse(payload) as Readonly<Record<string, string | readonly [string]>>
  const stage = mkdtempSync(join(dirname(place), '.new-'))
  try {
    for (const [path, content] of Object.entries(files)) {
      const to = join(stage, path)
      mkdirSync(dirname(to), { recursive: true, mode: 0o700 })
      writeFileSync(to, typeof content === 'string' ? content : Buffer.from(content[0], 'base64'), { mode: 0o600 })
    }
    renameSync(stage, place)
  } catch (error) {
    // Another process was first; whether that is right is looked at next.
    if (!existsSync(place)) throw error
  } finally {
    rmSync(stage, { recursive: true, force: true })
  }
}

/** Who else may write here, or move what is above it, could exchange a file after it was checked. Answers its real path. */
function ownDirectory(home: string): string {
  if (!isAbsolute(home)) throw fail('BUILD_CACHE', 'There is no home directory to unpack in.', ELSEWHERE, 1)
  mkdirSync(home, { recursive: true, mode: 0o700 })
  const own = realpathSync(home)
  if (platform === 'win32') return own
  const { uid, mode } = lstatSync(own)
  if (uid !== getuid?.() || (mode & 0o022) !== 0) throw shared(own, `Look at it, and remove it: rm -r ${own}`)
  for (let above = dirname(own); ; above = dirname(above)) {
    if (isShared(lstatSync(above))) throw shared(above, ELSEWHERE)
    if (above === dirname(above)) return own
  }
}

/** Whether other users may move what is in it. A group that has the number of the user is that user's own. */
function isShared({ uid, gid, mode }: Stats): boolean {
  const me = getuid?.()
  if (uid !== 0 && uid !== me) return true
  const others = gid === 0 || (gid === me && gid === getgid?.()) ? 0o002 : 0o022
  return (mode & others) !== 0 && (mode & 0o1000) === 0
}

const ELSEWHERE = 'Set XDG_CACHE_HOME to a directory of your own in one of yours, or build a directory: cloned build'

function shared(directory: string, next: string): Error {
  return fail('BUILD_CACHE', `${directory} belongs to another user, or others may write to it.`, next, 1)
}

/** Files that can be made again: `XDG_CACHE_HOME`, `%LOCALAPPDATA%` on Windows, else `~/.cache`. */
function unpackedHome(env: Environment): string {
  const named = platform === 'win32' ? env['LOCALAPPDATA'] : env['XDG_CACHE_HOME']
  return join(named !== undefined && isAbsolute(named) ? named : join(homedir(), '.cache'), 'cloned', 'builds')
}
