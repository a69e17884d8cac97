// Puts a verified package in its place, a directory named by its digest; it appears whole or not at all.
import { randomBytes } from 'node:crypto'
import { chmodSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { isClonedError, syncDirectory } from 'cloned/kernel'
import type { Packages } from '../package/slot.js'
import type { Judged } from './judge.js'

/** Where a package lies. */
export function packageDirectory(packages: string, digest: string): string {
  return join(packages, `sha256-${digest}`)
}

/** Extracts and hashes every file. Throws `PACKAGE_INVALID`; then nothing of it is left. */
export function placePackage(
  service: Packages,
  packages: string,
  archive: Buffer,
  { head, manifest }: Pick<Judged, 'head' | 'manifest'>,
): void {
  mkdirSync(packages, { recursive: true, mode: 0o700 })
  const target = packageDirectory(packages, head.digest)
  const staging = join(packages, `.staging-${randomBytes(8).toString('hex')}`)
  try {
    service.extract(archive, head, manifest, staging)
    if (isSound(service, target, head.digest)) return
    // Somebody has tampered with the one there is: it is of no use, and stands in the way.
    if (lstatSync(target, { throwIfNoEntry: false })) removeTree(target)
    renameSync(staging, target)
    syncDirectory(packages)
  } finally {
    removeTree(staging)
  }
}

/** Removes a read-only tree, following no link. */
export function removeTree(path: string): void {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (!stats) return
  if (stats.isDirectory()) {
    chmodSync(path, 0o700)
    for (const name of readdirSync(path)) removeTree(join(path, name))
  }
  rmSync(path, { recursive: true, force: true })
}

function isSound(service: Packages, directory: string, digest: string): boolean {
  if (!lstatSync(directory, { throwIfNoEntry: false })) return false
  try {
    service.installed(directory, digest)
    return true
  } catch (error) {
    if (isClonedError(error)) return false
    throw error
  }
}
