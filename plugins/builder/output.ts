// Puts a finished build in its place in one step; it replaces an earlier build and nothing else.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { ClonedError } from 'cloned/kernel'

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
  const names = statSync(out).isDirectory() ? readdirSync(out) : [out]
  const isBuild = names.includes(LOCK_NAME) && names.every((name) => OWN.has(name))
  if (names.length > 0 && !isBuild) throw new ClonedError('BUILD_OUT', { path: out })
}

/** Makes a directory beside `out`, has it filled, and puts it there. On any error nothing has changed. */
export async function replaceWith<T>(out: string, fill: (stage: string) => Promise<T>): Promise<T> {
  checkOut(out)
  mkdirSync(dirname(out), { recursive: true })
  const beside = mkdtempSync(join(dirname(out), `.${basename(out)}-`))
  const stage = join(beside, 'new')
  try {
    mkdirSync(stage)
    const result = await fill(stage)
    // A program may have put something there while this one was building.
    checkOut(out)
    if (existsSync(out)) renameSync(out, join(beside, 'old'))
    renameSync(stage, out)
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
