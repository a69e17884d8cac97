// Writes the files of a verified package; must never write a byte that was not hashed, or outside of its directory.
import { chmodSync, closeSync, constants, fsyncSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { syncDirectory } from 'cloned/kernel'
import { eachFile } from './archive.js'
import { MANIFEST, SIGNATURE } from './path.js'
import type { ConnectorManifest, PackageHead } from './slot.js'

/** `directory` must not exist; its parent must. Everything is read-only and durable when this returns. */
export function extractPackage(
  archive: Buffer,
  head: PackageHead,
  manifest: ConnectorManifest,
  directory: string,
): void {
  mkdirSync(directory, { mode: 0o700 })
  const directories = [directory]
  eachFile(archive, head, manifest, ({ path, executable }, content) => {
    for (const name of parents(path)) {
      const made = join(directory, name)
      if (directories.includes(made)) continue
      mkdirSync(made, { mode: 0o700 })
      directories.push(made)
    }
    writeNew(join(directory, path), content, executable ? 0o500 : 0o400)
  })
  writeNew(join(directory, MANIFEST), head.manifest, 0o400)
  if (head.signature) writeNew(join(directory, SIGNATURE), head.signature, 0o400)
  for (const made of directories.reverse()) {
    syncDirectory(made)
    chmodSync(made, 0o500)
  }
}

/** Every directory of a path, the outermost first. */
export function parents(path: string): string[] {
  const parent = dirname(path)
  return parent === '.' ? [] : [...parents(parent), parent]
}

function writeNew(path: string, content: Buffer, mode: number): void {
  const fd = openSync(
    path,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0),
    mode,
  )
  try {
    for (let at = 0; at < content.length; ) at += writeSync(fd, content, at)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
