// Makes real signed logs and forges them in every way that somebody with the files, or with the key too, could.
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatCheckpoint, parseCheckpoint } from '../../plugins/audit/checkpoint.js'
import { encodeLine, encodeOwn, ZERO_HASH } from '../../plugins/audit/format.js'
import { encodeHead } from '../../plugins/audit/head.js'
import { type FileAuditLog, openAuditLog } from '../../plugins/audit/log.js'
import { CompactRange, leafHash } from '../../plugins/audit/merkle.js'
import { type NoteSigner, signNote, splitNote, verifierKey } from '../../plugins/audit/note.js'
import { auditPaths } from '../../plugins/audit/paths.js'
import type { SigningKey } from '../../plugins/keys/slot.js'
import { newDir, TS } from '../plugins/audit-helpers.js'

export function newSigningKey(): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  return { kid: randomBytes(8).toString('hex'), publicKey, sign: (data) => sign(null, data, privateKey) }
}

export type LogRecord = Record<string, unknown> & { type: string }

/** A log as it lies on disk after a crash, with what its owner remembers of it. */
export interface Crime {
  readonly dir: string
  readonly key: SigningKey
  /** The checkpoint that somebody keeps elsewhere. It covers the records before `anchored`. */
  readonly remembered: string
  readonly anchored: number
}

export function openSigned(
  dir: string,
  key: SigningKey,
  more: Partial<Parameters<typeof openAuditLog>[0]> = {},
): FileAuditLog {
  const mac = { kid: 'm', mac: () => '0'.repeat(64) }
  const keys = { workspace: 'w', load: async () => ({ signer: key, mac }) }
  return openAuditLog({ dir, thread: 'inline', now: () => 0, keys, ...more })
}

/** Twelve notes, a remembered checkpoint, twelve more, a checkpoint, five more under no signature. */
export async function newCrime(): Promise<Crime> {
  const [home, dir, key] = [newDir(), newDir(), newSigningKey()]
  const log = openSigned(home, key)
  const notes = async (count: number, text: string) => {
    for (let n = 0; n < count; n++) await log.append({ type: 'acme.note', ts: TS, n, text })
  }
  await notes(12, 'first')
  const remembered = await log.checkpoint()
  await notes(12, 'second')
  await log.checkpoint()
  await notes(5, 'third')
  cpSync(home, dir, { recursive: true })
  await log.close()
  return { dir, key, remembered: remembered?.note ?? '', anchored: remembered?.size ?? 0 }
}

export function readRecords(dir: string): LogRecord[] {
  const lines = readFileSync(auditPaths(dir).log, 'utf8').split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line) as LogRecord)
}

export function logBytes(dir: string): Buffer {
  return readFileSync(auditPaths(dir).log)
}

/** Writes a log of these records with a chain and a head that fit; notes stay as they are. */
export function install(dir: string, records: readonly LogRecord[]): void {
  let hash = ZERO_HASH
  const lines = records.map(({ v: _v, seq: _seq, prev: _prev, ...record }, i) => {
    const encoded = encodeLine(encodeOwn(record as never), i + 1, hash)
    hash = encoded.hash
    return encoded.line
  })
  writeLog(dir, lines.join(''), { seq: lines.length, hash })
}

/** Writes bytes with a head that fits their size. */
export function writeLog(dir: string, text: string | Buffer, { seq, hash }: { seq: number; hash: string }): void {
  const paths = auditPaths(dir)
  mkdirSync(paths.side, { recursive: true })
  writeFileSync(paths.log, text)
  writeFileSync(paths.head, encodeHead({ seq, hash, size: Buffer.byteLength(text), first: 1 }))
}

/** As {@link install}, with every checkpoint signed anew: what the holder of the key can do. */
export function installSigned(
  dir: string,
  records: readonly LogRecord[],
  key: SigningKey,
  origin = originOf(records),
): void {
  const signer: NoteSigner = { name: origin, publicKey: key.publicKey, sign: (data) => key.sign(data) }
  const tree = new CompactRange()
  let [hash, note, text] = [ZERO_HASH, '', '']
  for (const [i, { v: _v, seq: _seq, prev: _prev, ...record }] of records.entries()) {
    if (record.type === 'log.genesis') Object.assign(record, { origin, vkey: verifierKey(origin, key.publicKey) })
    if (record.type === 'log.checkpoint') {
      note = signNote(formatCheckpoint({ origin, size: i, root: tree.root() }), signer)
      Object.assign(record, { note })
    }
    const encoded = encodeLine(encodeOwn(record as never), i + 1, hash)
    hash = encoded.hash
    text += encoded.line
    tree.append(leafHash(Buffer.from(encoded.line)))
  }
  writeLog(dir, text, { seq: records.length, hash })
  publish(dir, note)
  writeFileSync(auditPaths(dir).vkey, `${verifierKey(origin, key.publicKey)}\n`)
}

export function publish(dir: string, note: string): void {
  writeFileSync(auditPaths(dir).checkpoint, note)
}

/** Has the checkpoint file say what the last of these records says. */
export function publishLast(dir: string, records: readonly LogRecord[]): void {
  publish(dir, String(records.findLast(({ type }) => type === 'log.checkpoint')?.['note']))
}

export function originOf(records: readonly LogRecord[]): string {
  return String(records[0]?.['origin'])
}

export function sizeOf(note: string): number {
  return parseCheckpoint(splitNote(note).text).size
}

export function copyOf({ dir, ...rest }: Crime): Crime {
  const copy = newDir()
  cpSync(dir, copy, { recursive: true })
  return { ...rest, dir: copy }
}

export function sideFile(dir: string, name: string): string {
  return join(auditPaths(dir).side, name)
}
