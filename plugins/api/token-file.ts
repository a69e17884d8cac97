// Keeps the local token: whoever can read this file is the user; never prints it.
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { privateDirectory, readPrivateFile, writeFileAtomic } from 'cloned/kernel'

/** The token of a workspace: the one that is there, else a new one. `directory` is `.cloned/api` (0700). */
export function localToken(directory: string): { readonly path: string; matches(candidate: string): boolean } {
  privateDirectory(directory)
  const path = `${directory}/token`
  let text = readPrivateFile(path, { maxBytes: 1024 })?.toString().trim()
  if (text === undefined || !/^[\w-]{43}$/.test(text)) {
    text = randomBytes(32).toString('base64url')
    writeFileAtomic(path, `${text}\n`, { mode: 0o600 })
  }
  const wanted = Buffer.from(text)
  return {
    path,
    matches(candidate) {
      const given = Buffer.from(candidate)
      // How long a token is, is no secret.
      return given.length === wanted.length && timingSafeEqual(given, wanted)
    },
  }
}
