// Hands checkpoints to anchors and records each attempt; a required anchor that is too old must stop every call.
import { ClonedError, describeThrown, type JsonObject } from 'cloned/kernel'
import type { SignedNote } from './batch.js'
import { logLinesFromEnd } from './files.js'
import type { AuditPaths } from './paths.js'
import { storedRecord } from './read.js'
import type { Anchor } from './slot.js'
import type { OnTrouble } from './transport.js'

/** An anchor with what the configuration says of it. */
export interface ConfiguredAnchor {
  readonly anchor: Anchor
  /** How often it gets a checkpoint at most, milliseconds. */
  readonly everyMs: number
  /** Nothing runs when its last checkpoint is older than this, milliseconds; absent when it is not required. */
  readonly maxAgeMs?: number
}

/** What the log says of an anchor. */
export interface AnchorState {
  /** Number of records of the last checkpoint that it confirmed, 0 for none. */
  readonly size: number
  /** When, milliseconds since 1970; 0 for never. */
  readonly at: number
  /** Why the last attempt failed, when that came after the last that did not. */
  readonly failure?: string
}

export interface AnchorsOptions {
  readonly paths: AuditPaths
  readonly anchors: readonly ConfiguredAnchor[]
  readonly now: () => number
  readonly append: (type: string, fields: JsonObject) => Promise<unknown>
  /** Signs the log as it is now. */
  readonly checkpoint: () => Promise<SignedNote | undefined>
  readonly onTrouble: OnTrouble
  /** Milliseconds that one attempt may take. */
  readonly attemptMs?: number
}

const NEVER: AnchorState = Object.freeze({ size: 0, at: 0 })
const NEEDLE = Buffer.from('"type":"anchor.')
const MAX_REASON = 500

export class Anchors {
  readonly #options: AnchorsOptions
  #states: Promise<Map<string, AnchorState>> | undefined
  /** The same, once read. */
  #known: Map<string, AnchorState> | undefined
  #fresh: Promise<void> | undefined
  /** When each anchor was last tried, by this process. */
  readonly #triedAt = new Map<string, number>()
  #sending: Promise<void> = Promise.resolve()

  constructor(options: AnchorsOptions) {
    this.#options = options
  }

  /** What each anchor holds, by id, as the log has it. */
  async states(): Promise<ReadonlyMap<string, AnchorState>> {
    this.#states ??= readStates(this.#options).then((states) => {
      this.#known = states
      return states
    })
    return this.#states
  }

  /** Hears of a note; sends it, behind everybody's back, to the anchors whose turn it is. */
  offer(note: SignedNote): void {
    const due = this.#options.anchors.filter(({ anchor, everyMs }) => {
      const tried = this.#triedAt.get(anchor.id)
      return tried === undefined || this.#options.now() - tried >= everyMs
    })
    if (due.length > 0) this.#send(due, note)
  }

  /** Signs the log and sends the note to every anchor; answers who has it. */
  async submit(): Promise<ReadonlyMap<string, AnchorState>> {
    // Before the note is made: whoever hears of it must not send it a second time.
    for (const { anchor } of this.#options.anchors) this.#triedAt.set(anchor.id, this.#options.now())
    const note = await this.#options.checkpoint()
    if (note) await this.#send(this.#options.anchors, note)
    return this.states()
  }

  /** Rejects with `AUDIT_ANCHOR_STALE` when a required anchor is too old and takes no checkpoint now. */
  assertFresh(): Promise<void> | undefined {
    return this.#known && this.#stale(this.#known) === undefined ? undefined : this.#refresh()
  }

  async #refresh(): Promise<void> {
    if (this.#stale(await this.states()) === undefined) return
    // One attempt for all who wait.
    this.#fresh ??= this.submit()
      .then(() => undefined)
      .finally(() => {
        this.#fresh = undefined
      })
    await this.#fresh
    const states = await this.states()
    const stale = this.#stale(states)
    if (!stale) return
    const { anchor, maxAgeMs = 0 } = stale
    const cause = states.get(anchor.id)?.failure ?? 'it holds none'
    throw new ClonedError('AUDIT_ANCHOR_STALE', { anchor: anchor.id, limit: Math.round(maxAgeMs / 1000), cause })
  }

  /** Waits for what is under way. */
  async drain(): Promise<void> {
    await this.#sending
  }

  /** A required anchor whose last checkpoint is too old. */
  #stale(states: ReadonlyMap<string, AnchorState>): ConfiguredAnchor | undefined {
    return this.#options.anchors.find(({ anchor, maxAgeMs }) => {
      const age = this.#options.now() - (states.get(anchor.id) ?? NEVER).at
      // A confirmation from the future is no proof of anything.
      return maxAgeMs !== undefined && (age > maxAgeMs || age < 0)
    })
  }

  #send(anchors: readonly ConfiguredAnchor[], note: SignedNote): Promise<void> {
    for (const { anchor } of anchors) this.#triedAt.set(anchor.id, this.#options.now())
    const all = this.#sending.then(async () => {
      for (const { anchor } of anchors) await this.#attempt(anchor, note)
    })
    this.#sending = all.catch((error: unknown) => this.#options.onTrouble(`anchoring: ${describeThrown(error)}`))
    return all
  }

  async #attempt(anchor: Anchor, { size, note }: SignedNote): Promise<void> {
    const { append, now, attemptMs = 10_000 } = this.#options
    const states = (await this.states()) as Map<string, AnchorState>
    await append('anchor.submitted', { anchor: anchor.id, size })
    let proof: string | undefined
    try {
      proof = await anchor.submit(note, AbortSignal.timeout(attemptMs))
    } catch (error) {
      const failure = describeThrown(error).toWellFormed().slice(0, MAX_REASON)
      await append('anchor.failed', { anchor: anchor.id, size, reason: failure })
      states.set(anchor.id, { ...(states.get(anchor.id) ?? NEVER), failure })
      return
    }
    const receipt = typeof proof === 'string' ? { receipt: proof.toWellFormed().slice(0, MAX_REASON) } : {}
    const at = now()
    await append('anchor.confirmed', { anchor: anchor.id, size, ...receipt })
    states.set(anchor.id, { size, at })
  }
}

/** Reads back from the end of the log until every anchor has confirmed something. */
async function readStates({ paths, anchors }: AnchorsOptions): Promise<Map<string, AnchorState>> {
  const missing = new Set(anchors.map(({ anchor }) => anchor.id))
  const states = new Map<string, AnchorState>()
  if (missing.size === 0) return states
  for await (const { path, lines } of logLinesFromEnd(paths)) {
    for (const line of lines) {
      if (!line.bytes.includes(NEEDLE)) continue
      const { type, anchor, size, ts, reason } = storedRecord(path, line).record
      if (typeof anchor !== 'string' || !missing.has(anchor)) continue
      const known = states.get(anchor)
      if (type === 'anchor.failed' && !known) states.set(anchor, { ...NEVER, failure: String(reason) })
      if (type !== 'anchor.confirmed') continue
      states.set(anchor, { ...known, size: Number(size), at: Date.parse(String(ts)) || 0 })
      missing.delete(anchor)
      if (missing.size === 0) return states
    }
  }
  return states
}
