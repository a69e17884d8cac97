// Publishes the contract of what keeps secrets from leaving the process; interface and token only.
import type { Json } from './json.js'
import { slot } from './token.js'

/** Takes secrets out of the chunks of one stream. Together the answers are the scrubbed stream. */
export interface ScrubStream {
  /** What of the stream is safe to pass on after this chunk. The start of a secret is held back until it is decided. */
  write(chunk: Uint8Array): Uint8Array
  /** The rest. Nothing may be written afterwards. */
  end(): Uint8Array
}

/**
 * Knows every secret that the process has resolved, and replaces each of its forms (as it is, and as JSON, URLs, HTML,
 * hexadecimal and base64 write it) by `[REDACTED:vault:<name>]`. `sink` names where a value is going (`log`, `events`) and
 * `callId` the action it came from; both stand in the audit record of a hit. What holds no secret comes back unchanged,
 * the same object. The kernel itself scrubs what actions answer (`output`, `error`, `progress`), after every filter,
 * the reasons of votes (`ballot`) and of outcomes (`outcome`), every audit record, whoever appends it (`audit`), and
 * every diagnostic (`log`).
 * Whoever lets a value out of the process passes it through here first; when this throws, the value must stay inside.
 */
export interface Scrubber {
  /**
   * From the return on no form of `value` gets through; the last hundred values of a name are kept. `value` is copied. It may
   * come again, and under other names.
   * Throws `SECRET_UNSCRUBBABLE` for a value that could not be told from ordinary text: the secret must not be used.
   */
  register(name: string, value: Uint8Array): void
  text(text: string, sink: string, callId?: string): string
  /** Strings, numbers and keys. Keys that become equal are told apart by a number. */
  json(value: Json, sink: string, callId?: string): Json
  bytes(data: Uint8Array, sink: string, callId?: string): Uint8Array
  stream(sink: string, callId?: string): ScrubStream
}

/** Absent: nothing is scrubbed. */
export const scrubberSlot = slot<Scrubber>('cloned.scrubber', { contract: 1 })
