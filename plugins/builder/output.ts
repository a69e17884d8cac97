// Puts a finished build in its place in one step; it replaces an earlier build and nothing else.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { ClonedError } from 'cloned/kernel'
import { HASHBANG, MADE } from './generate.js'
import { PAYLOAD } from './unpack.js'

/** What every build holds, and so what tells one from a directory that is somebody's. */
export const LOCK_NAME = 'distribution.lock.json'

/** Everything that lies at the top of a build. */
const OWN = new Set([
  LOCK_NAME,
  'index.js',
  'main.js',
  'package.json',
  'THIRD-PARTY-NOTICES.txt',
  'app',
  'node_modules',
  'packages',
])

/** Throws `BUILD_OUT` for what is not empty and not an earlier build, and for a build that somebody keeps files in. */
export function checkOut(out: string): void {
  if (!existsSync(out)) return
  if (!(statSync(out).isDirectory() ? isBuild(readdirSync(out)) : isFileOfBuild(out))) {
    throw new ClonedError('BUILD_OUT', { path: out })
  }
}

function isBuild(names: readonly string[]): boolean {
  return names.length === 0 || (names.includes(LOCK_NAME) && names.every((name) => OWN.has(name)))
}

function isFileOfBuild(path: string): boolean {
  const text = readFileSync(path, 'latin1')
  return text.startsWith(`${HASHBANG}${MADE}\n`) && text.includes(`${PAYLOAD}{"`)
}

/**
 * Makes a directory beside `out`, has `fill` put there under the name `new` what is to stand at `out`, and moves it. On any
 * error nothing has changed.
 */
export async function replaceWith<T>(out: string, fill: (made: string) => Promise<T>): Promise<T> {
  checkOut(out)
  mkdirSync(dirname(out), { recursive: true })
  const beside = mkdtempSync(join(dirname(out), `.${basename(out)}-`))
  const [made, old] = [join(beside, 'new'), join(beside, 'old')]
  try {
    const result = await fill(made)
    // A program may have put something there while this one was building.
    checkOut(out)
    if (existsSync(out)) renameSync(out, old)
    try {
      renameSync(made, out)
    } catch (error) {
      if (existsSync(old)) renameSync(old, out)
      throw error
    }
    return result
  } finally {
    rmSync(beside, { recursive: true, force: true })
  }
}

export function writeAll(directory: string, files: ReadonlyMap<string, Uint8Array | string>): void {
  for (const [path, content] of files) {
    const to = join(directory, path)
    mkdirSync(dirname(to), { recursive: true })
    writeFileSync(to, content, { mode: path === 'main.js' ? 0o755 : 0o644 })
  }
}
