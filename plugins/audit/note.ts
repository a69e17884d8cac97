// Reads and writes C2SP signed notes with Ed25519; must never hand out a text that no trusted key has signed.
import type { KeyObject } from 'node:crypto'
import { ClonedError, publicKeyOf, rawPublicKey, sha256, unsoundKey, verifyStrictly } from 'cloned/kernel'
import { decodeBase64 } from './base64.js'

/** Longest note, characters; room for sixteen post-quantum signatures. */
export const MAX_NOTE = 128 * 1024
const MAX_SIGNATURES = 32
/** Type of a signature by the log itself (c2sp.org/signed-note). */
const ED25519 = 0x01

const KEY_NAME = /^[^\p{White_Space}\p{Cc}+]+$/u
const VERIFIER_KEY = /^(?<name>[^\p{White_Space}\p{Cc}+]+)\+(?<id>[0-9a-f]{8})\+(?<key>[A-Za-z0-9+/=]+)$/u
const SIGNATURE = /^— (?<name>[^\p{White_Space}\p{Cc}+]+) (?<signature>[A-Za-z0-9+/=]+)$/u
// biome-ignore lint/suspicious/noControlCharactersInRegex: notes hold no control character but the line feed
const CONTROL = /[\0-\x09\x0b-\x1f]/

/** A key that notes are verified with. Name and id together choose it. */
export interface Verifier {
  readonly name: string
  /** Eight hex digits. */
  readonly id: string
  readonly publicKey: KeyObject
}

/** A key that signs notes. `sign` is pure Ed25519 over exactly these bytes. */
export interface NoteSigner {
  readonly name: string
  readonly publicKey: KeyObject
  sign(text: Buffer): Buffer
}

/** A signature line, verified by nobody yet. */
export interface NoteSignature {
  readonly name: string
  readonly id: string
  readonly signature: Buffer
}

/** The text form of a verifier: `<name>+<id>+<base64 of type and key>`. Throws `AUDIT_KEY_INVALID`. */
export function verifierKey(name: string, publicKey: KeyObject): string {
  const { id } = newVerifier(name, publicKey)
  return `${name}+${id}+${Buffer.concat([Buffer.of(ED25519), rawPublicKey(publicKey)]).toString('base64')}`
}

/** The verifier of its text form. Throws `AUDIT_KEY_INVALID`, for keys of small order and second spellings too. */
export function parseVerifierKey(vkey: string): Verifier {
  const { name = '', id, key = '' } = VERIFIER_KEY.exec(vkey)?.groups ?? {}
  if (id === undefined) throw invalidKey('it is not written as <name>+<id>+<key>')
  const bytes = decodeBase64(key)
  if (bytes?.[0] !== ED25519) throw invalidKey('it is not an Ed25519 key')
  const unsound = unsoundKey(bytes.subarray(1))
  if (unsound) throw invalidKey(`the key ${unsound}`)
  const verifier = newVerifier(name, publicKeyOf(bytes.subarray(1)))
  if (verifier.id !== id) throw invalidKey(`its id is ${verifier.id}, not ${id}`)
  return verifier
}

/** Checks a name and a key and gives them their id. Throws `AUDIT_KEY_INVALID`. */
export function newVerifier(name: string, publicKey: KeyObject): Verifier {
  if (!KEY_NAME.test(name)) throw invalidKey('its name is empty, or holds a space or "+"')
  const raw = rawPublicKey(publicKey)
  const unsound = unsoundKey(raw)
  if (unsound) throw invalidKey(`the key ${unsound}`)
  const id = sha256(Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(ED25519), raw])).slice(0, 8)
  return { name, id, publicKey }
}

/** Signs a text, which must end in a line feed. Throws `AUDIT_NOTE_INVALID` or `AUDIT_KEY_INVALID`. */
export function signNote(text: string, signer: NoteSigner): string {
  assertPlain(text)
  if (!text.endsWith('\n')) throw invalidNote('its text does not end in a line feed')
  const { name, id } = newVerifier(signer.name, signer.publicKey)
  const signature = signer.sign(Buffer.from(text))
  return `${text}\n— ${name} ${Buffer.concat([Buffer.from(id, 'hex'), signature]).toString('base64')}\n`
}

/** Takes a note apart and believes nothing of it. Throws `AUDIT_NOTE_INVALID`. */
export function splitNote(note: string): { text: string; signatures: readonly NoteSignature[] } {
  assertPlain(note)
  // The text may hold empty lines itself: the last one ends it.
  const at = note.lastIndexOf('\n\n')
  if (at < 0 || !note.endsWith('\n')) throw invalidNote('no empty line stands before its signatures')
  const lines = note.slice(at + 2, -1).split('\n')
  if (lines.length > MAX_SIGNATURES) throw invalidNote(`it has more than ${MAX_SIGNATURES} signatures`)
  return { text: note.slice(0, at + 1), signatures: lines.map(parseSignature) }
}

/**
 * The text of a note and which of these keys signed it, at least one. Signatures of other keys are ignored; one of
 * these keys that does not verify spoils the note. Throws `AUDIT_NOTE_INVALID` or `AUDIT_NOTE_UNTRUSTED`.
 */
export function openNote(note: string, verifiers: readonly Verifier[]): { text: string; signers: readonly Verifier[] } {
  const { text, signatures } = splitNote(note)
  const signers = new Set<Verifier>()
  for (const { name, id, signature } of signatures) {
    const verifier = verifiers.find((known) => known.name === name && known.id === id)
    if (!verifier) continue
    if (!verifyStrictly(Buffer.from(text), verifier.publicKey, signature)) {
      throw new ClonedError('AUDIT_NOTE_UNTRUSTED', { problem: `the signature of ${name} does not verify` })
    }
    signers.add(verifier)
  }
  if (signers.size === 0) throw new ClonedError('AUDIT_NOTE_UNTRUSTED', { problem: 'no known key signed it' })
  return { text, signers: [...signers] }
}

function parseSignature(line: string): NoteSignature {
  const { name = '', signature = '' } = SIGNATURE.exec(line)?.groups ?? {}
  const bytes = decodeBase64(signature)
  if (!bytes || bytes.length < 5) throw invalidNote('a signature line is not readable')
  return { name, id: bytes.toString('hex', 0, 4), signature: bytes.subarray(4) }
}

function assertPlain(text: string): void {
  if (text.length > MAX_NOTE) throw invalidNote(`it is longer than ${MAX_NOTE} characters`)
  if (CONTROL.test(text)) throw invalidNote('it holds a control character')
  if (!text.isWellFormed()) throw invalidNote('it is not Unicode')
}

function invalidNote(problem: string): ClonedError {
  return new ClonedError('AUDIT_NOTE_INVALID', { problem })
}

function invalidKey(problem: string): ClonedError {
  return new ClonedError('AUDIT_KEY_INVALID', { problem })
}
