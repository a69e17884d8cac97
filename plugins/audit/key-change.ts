// Decides which key signs the log: the one that the log names, never just the newest; a change cut off by a crash is undone.
import type { KeyObject } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { ClonedError, isClonedError, type JsonObject, tryFileLock, writeFileAtomic } from 'cloned/kernel'
import type { SigningKey } from '../keys/slot.js'
import type { SignedNote } from './batch.js'
import { keyChangeText, parseCheckpoint } from './checkpoint.js'
import { findLatest } from './history.js'
import { named } from './notary.js'
import { parseVerifierKey, signNote, splitNote, type Verifier, verifierKey } from './note.js'
import type { AuditPaths } from './paths.js'

/** Finds the private half of a key that the log names; `undefined` when it is not here. */
export type FindSigningKey = (key: KeyObject) => Promise<SigningKey | undefined>

/**
 * The key to sign with: the one that the log names last, if its private half is here, else `newest`, which is then refused
 * when it signs. `undefined` while another process changes the key.
 */
export async function namedSigner(
  paths: AuditPaths,
  newest: SigningKey,
  find: FindSigningKey,
): Promise<SigningKey | undefined> {
  let vkeys = readVkeys(paths)
  let current = await namedKey(paths, vkeys)
  if (current === undefined) return newest
  if (current !== vkeys.at(-1)) {
    const lock = tryFileLock(paths.keyLock)
    if (!lock) return undefined
    try {
      // Anew: the change may have ended before the lock was to be had.
      vkeys = readVkeys(paths)
      current = await namedKey(paths, vkeys)
      const known = current === undefined ? -1 : vkeys.lastIndexOf(current)
      // What follows was to be the next key, and no record says so.
      if (known >= 0) writeFileAtomic(paths.vkey, `${vkeys.slice(0, known + 1).join('\n')}\n`)
    } finally {
      lock.release()
    }
  }
  if (current === undefined) return newest
  const key = parsed(current)
  if (!key || verifierKey(key.name, newest.publicKey) === current) return newest
  return (await find(key.publicKey)) ?? newest
}

/** `undefined` for what is no key: somebody has edited the file. */
function parsed(vkey: string): Verifier | undefined {
  try {
    return parseVerifierKey(vkey)
  } catch (error) {
    if (isClonedError(error)) return undefined
    throw error
  }
}

/** The key that the log itself names last; `undefined` for a log without one. */
async function namedKey(paths: AuditPaths, vkeys: readonly string[]): Promise<string | undefined> {
  if (vkeys.length < 2) return vkeys[0]
  const changed = (await findLatest(paths, 'log.key'))?.record['vkey']
  if (typeof changed === 'string') return changed
  // The record of a change may have been pruned; the one that explains the pruning names the keys until then.
  const pruned = (await findLatest(paths, 'log.prune'))?.record['vkeys']
  return Array.isArray(pruned) ? String(pruned.at(-1)) : vkeys[0]
}

function readVkeys({ vkey }: AuditPaths): readonly string[] {
  return existsSync(vkey) ? readFileSync(vkey, 'utf8').trimEnd().split('\n') : []
}

export interface KeyChangeParts {
  readonly paths: AuditPaths
  /** Signs the log as it is, and says with which key. */
  readonly signed: () => Promise<{ readonly note: SignedNote; readonly signer: SigningKey } | undefined>
  /** Makes a new newest key, and answers it. From here on nothing must be signed until the change has ended. */
  readonly rotate: () => Promise<SigningKey>
  /** Appends a record of the log's own. */
  readonly append: (type: string, fields: JsonObject) => Promise<void>
}

/** Has the log name a new key, signed by the one before. Call {@link namedSigner} afterwards, however it ended. */
export async function changeKey({ paths, signed, rotate, append }: KeyChangeParts): Promise<void> {
  const before = await signed()
  if (!before) throw new ClonedError('AUDIT_KEY', { cause: 'the log cannot be signed with the key it has' })
  const lock = tryFileLock(paths.keyLock)
  if (!lock) throw new ClonedError('AUDIT_KEY', { cause: 'another process is changing the key' })
  try {
    const { origin } = parseCheckpoint(splitNote(before.note.note).text)
    const vkey = verifierKey(origin, (await rotate()).publicKey)
    // The file first: whoever holds the old key looks there before it signs, and must not sign behind the record.
    writeFileAtomic(paths.vkey, `${readFileSync(paths.vkey, 'utf8')}${vkey}\n`)
    await append('log.key', { vkey, note: signNote(keyChangeText(origin, vkey), named(origin, before.signer)) })
  } finally {
    lock.release()
  }
}
