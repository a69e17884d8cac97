// Decides whether the log's records about itself are true as far as one can tell line by line; must never trust a key
// that neither the first record nor an earlier key names.
import { ClonedError, type Json, type JsonObject } from 'cloned/kernel'
import { type Checkpoint, keyChangeText, parseCheckpoint } from './checkpoint.js'
import type { Position } from './format.js'
import { levelsOf } from './merkle.js'
import { openNote, parseVerifierKey, splitNote, type Verifier } from './note.js'

/** A file of the log, as the records in it must describe it. */
export interface LogFileFacts {
  readonly name: string
  readonly size: number
}

/** A note in the log, whose root is still to be compared with the tree. */
export interface InlineNote extends Checkpoint {
  readonly note: string
  /** The record that holds it. */
  readonly at: Position
}

/** What was dropped from the beginning of the log, as a record in it says. */
export interface Pruned {
  readonly size: number
  readonly last_hash: string
  /** Hex, the largest subtree first. */
  readonly frontier: readonly string[]
  /** The keys that had signed until then. */
  readonly vkeys: readonly string[]
}

export class OwnRecords {
  /** Names the log in its notes; unknown in a log that was made without keys. */
  origin: string | undefined
  /** The keys that ever signed, oldest first. Behind a pruned beginning nobody knows which of them is the current one. */
  readonly keys: Verifier[] = []
  /** The newest note. */
  last: InlineNote | undefined
  /** Set before a file is followed: the file before it. */
  previous: LogFileFacts | undefined
  #logId: Json | undefined
  /** Whether the record that explains a missing beginning was found. */
  #explained: boolean
  readonly #pruned: Pruned | undefined

  #current: Verifier | undefined

  /** Throws `AUDIT_KEY_INVALID` for a key of the pruned beginning that is none. */
  constructor(pruned?: Pruned) {
    this.#pruned = pruned
    this.#explained = pruned === undefined
    this.keys.push(...(pruned?.vkeys ?? []).map(parseVerifierKey))
  }

  /** Whether everything that is missing is explained by a record. */
  get explained(): boolean {
    return this.#explained
  }

  /** The key of the newest note, once its signature is found to be good; a text says what is wrong. */
  signer(): Verifier | string | undefined {
    return this.last && this.#signerOf(this.last.note)
  }

  /** See `OwnRecord` of the chain. */
  check(record: JsonObject, before: Position): string | undefined {
    const rule = RULES[String(record['type'])]
    if (before.size === 0 && !BEGINNINGS.has(String(record['type']))) return this.begins(before)
    try {
      return rule?.(this, record, before)
    } catch (error) {
      // What the parsers of notes and keys refuse.
      if (error instanceof ClonedError) return error.message
      throw error
    }
  }

  /** What is wrong with a file whose first record is not of the log's own. */
  begins(before: Position): string | undefined {
    return before.seq === 0
      ? 'the log does not begin with log.genesis'
      : 'a file of the log does not begin with log.segment'
  }

  genesis(record: JsonObject, before: Position): string | undefined {
    if (before.seq !== 0) return 'log.genesis stands in the middle of the log'
    this.#logId = record['log_id']
    return this.#name(record)
  }

  segment(record: JsonObject, before: Position): string | undefined {
    if (before.size !== 0 || before.seq === 0) return 'log.segment stands in the middle of a file'
    const { segment, size, last_seq: lastSeq, log_id: logId } = record
    if (lastSeq !== before.seq) return 'log.segment does not follow the file it names'
    const { previous } = this
    if (previous && (segment !== previous.name || size !== previous.size)) return 'log.segment describes another file'
    if (this.#logId !== undefined && logId !== this.#logId) return 'log.segment belongs to another log'
    this.#logId = logId
    return this.origin === undefined ? this.#name({ ...record, vkey: null }) : undefined
  }

  checkpoint(record: JsonObject, at: Position): string | undefined {
    const note = String(record['note'])
    const checkpoint = parseCheckpoint(splitNote(note).text)
    if (checkpoint.origin !== this.origin) return 'a checkpoint speaks of another log'
    if (checkpoint.size !== at.seq) return `the checkpoint in record ${at.seq + 1} speaks of ${checkpoint.size} records`
    this.last = { ...checkpoint, note, at }
    return undefined
  }

  /** A change of keys ends what the old key vouches for, so its newest note is checked here. */
  key(record: JsonObject): string | undefined {
    const [note, vkey] = [String(record['note']), String(record['vkey'])]
    const named = this.#signerOf(note)
    if (typeof named === 'string') return named
    if (splitNote(note).text !== keyChangeText(this.origin ?? '', vkey))
      return 'log.key is signed for another key or log'
    const signer = this.signer()
    if (typeof signer === 'string') return signer
    this.#current = parseVerifierKey(vkey)
    this.keys.push(this.#current)
    this.last = undefined
    return undefined
  }

  prune(record: JsonObject, before: Position): string | undefined {
    const { size, last_hash: lastHash, frontier } = record
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 1 || size > before.seq)
      return 'log.prune has no size'
    if (!Array.isArray(frontier) || frontier.length !== levelsOf(size).length) return 'log.prune has no frontier'
    if (size !== this.#pruned?.size) return undefined
    if (lastHash !== this.#pruned.last_hash || String(frontier) !== String(this.#pruned.frontier)) {
      return 'log.prune does not describe what is missing'
    }
    this.#explained = true
    return undefined
  }

  #name({ origin, vkey }: JsonObject): string | undefined {
    if (origin === undefined) return undefined
    if (typeof origin !== 'string') return 'the log has no readable origin'
    this.origin = origin
    if (typeof vkey !== 'string') return undefined
    const key = parseVerifierKey(vkey)
    if (key.name !== origin) return 'the key of the log has another name than the log'
    this.keys.push(key)
    this.#current = key
    return undefined
  }

  #signerOf(note: string): Verifier | string {
    const keys = this.#current ? [this.#current] : this.keys
    try {
      return openNote(note, keys).signers[0] ?? 'no key of the log signed it'
    } catch (error) {
      if (error instanceof ClonedError) return error.message
      throw error
    }
  }
}

type Rule = (story: OwnRecords, record: JsonObject, before: Position) => string | undefined

const RULES: Readonly<Record<string, Rule>> = {
  'log.genesis': (story, record, before) => story.genesis(record, before),
  'log.segment': (story, record, before) => story.segment(record, before),
  'log.checkpoint': (story, record, before) => story.checkpoint(record, before),
  'log.key': (story, record) => story.key(record),
  'log.prune': (story, record, before) => story.prune(record, before),
}
const BEGINNINGS = new Set(['log.genesis', 'log.segment'])
