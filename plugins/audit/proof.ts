// Reads, writes and checks C2SP tlog proofs, which need no log at hand; must never trust a key that the proof brings.
import { ClonedError } from 'cloned/kernel'
import { decodeBase64 } from './base64.js'
import { type Checkpoint, parseCheckpoint } from './checkpoint.js'
import { HASH_BYTES, leafHash } from './merkle.js'
import { rootOfInclusion } from './merkle-proof.js'
import { MAX_NOTE, openNote, type Verifier } from './note.js'

const HEADER = 'c2sp.org/tlog-proof@v1'
/** A tree of 2^53 leaves has no longer proof. */
const MAX_HASHES = 53

/** Proof that one record is in the log. */
export interface InclusionProof {
  /** Place of the record, from 0: its `seq` less one. */
  readonly index: number
  /** The leaf's sibling first. */
  readonly hashes: readonly Buffer[]
  /** The checkpoint, a signed note. */
  readonly note: string
  /** Bytes beside the proof that it does not vouch for. The log puts the line there, so that the file is enough. */
  readonly extra?: Buffer
}

/** The text of a `.tlog-proof` file. */
export function formatProof({ index, hashes, note, extra }: InclusionProof): string {
  const head = extra ? [HEADER, `extra ${extra.toString('base64')}`] : [HEADER]
  return [...head, `index ${index}`, ...hashes.map((hash) => hash.toString('base64')), '', note].join('\n')
}

/** The proof in a `.tlog-proof` file, unchecked. Throws `AUDIT_PROOF_INVALID`. */
export function parseProof(text: string): InclusionProof {
  if (text.length > 2 * MAX_NOTE) throw invalid('it is too long')
  const end = text.indexOf('\n\n')
  if (end < 0) throw invalid('it holds no checkpoint')
  const [header, ...lines] = text.slice(0, end).split('\n')
  if (header !== HEADER) throw invalid(`it does not begin with ${HEADER}`)
  const encoded = lines[0]?.startsWith('extra ') ? lines.shift()?.slice('extra '.length) : undefined
  const extra = encoded === undefined ? undefined : decodeBase64(encoded)
  if (encoded !== undefined && !extra) throw invalid('its extra data is not base64')
  const digits = /^index (0|[1-9][0-9]*)$/.exec(lines.shift() ?? '')?.[1]
  const index = Number(digits ?? Number.NaN)
  if (!Number.isSafeInteger(index)) throw invalid('it has no readable index')
  if (lines.length > MAX_HASHES) throw invalid(`it has more than ${MAX_HASHES} hashes`)
  return { index, hashes: lines.map(parseHash), note: text.slice(end + 2), ...(extra ? { extra } : {}) }
}

/**
 * The checkpoint under which this line, with its line feed, is record `index + 1` of the log.
 * Throws `AUDIT_PROOF_INVALID`, `AUDIT_NOTE_INVALID` or `AUDIT_NOTE_UNTRUSTED`; a proof that passes needs no more.
 */
export function checkProof(proof: InclusionProof, line: Buffer, verifiers: readonly Verifier[]): Checkpoint {
  const { text, signers } = openNote(proof.note, verifiers)
  const checkpoint = parseCheckpoint(text)
  // A key signs for one log: without this, another log's checkpoint under a shared key would do.
  if (!signers.some(({ name }) => name === checkpoint.origin)) throw invalid('its checkpoint speaks of another log')
  const { index, hashes } = proof
  const root = rootOfInclusion(leafHash(line), { index, size: checkpoint.size, proof: hashes })
  if (!root?.equals(checkpoint.root)) throw invalid(`it does not lead from this record to the checkpoint`)
  return checkpoint
}

function parseHash(line: string): Buffer {
  const hash = decodeBase64(line)
  if (hash?.length !== HASH_BYTES) throw invalid('a hash is not readable')
  return hash
}

function invalid(problem: string): ClonedError {
  return new ClonedError('AUDIT_PROOF_INVALID', { problem })
}
