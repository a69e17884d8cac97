// Keeps the local token: whoever can read this file is the user; never prints it.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { LockFile, privateDirectory, readPrivateFile, writeFileAtomic } from 'cloned/kernel'

export interface LocalToken {
  matches(candidate: string): boolean
  /** What only a server that knows the token can say to a challenge, about the origin that it was asked under. */
  proof(origin: string, challenge: string): string
}

/** The token of a workspace: the one that is there, else a new one. `directory` is `.cloned/api` (0700). */
export function localToken(directory: string): LocalToken {
  privateDirectory(directory)
  const path = `${directory}/token`
  const text = read(path) ?? make(path, `${directory}/token.lock`)
  const wanted = Buffer.from(text)
  return {
    matches(candidate) {
      const given = Buffer.from(candidate)
      // How long a token is, is no secret.
      return given.length === wanted.length && timingSafeEqual(given, wanted)
    },
    // The origin is in it, so that whoever sits on another port cannot have the server answer in their place.
    proof: (origin, challenge) =>
      createHmac('sha256', text).update(`cloned.api.server.v1\n${origin}\n${challenge}`).digest('base64url'),
  }
}

function read(path: string): string | undefined {
  const text = readPrivateFile(path, { maxBytes: 1024 })?.toString().trim()
  return text !== undefined && /^[\w-]{43}$/.test(text) ? text : undefined
}

/** Two processes that start at once have one token between them. */
function make(path: string, lock: string): string {
  const file = new LockFile(lock)
  try {
    file.lock(LOCK_MS)
    const made = read(path) ?? randomBytes(32).toString('base64url')
    writeFileAtomic(path, `${made}\n`, { mode: 0o600 })
    return made
  } finally {
    file.close()
  }
}

/** Held for as long as it takes to write one line. */
const LOCK_MS = 10_000
