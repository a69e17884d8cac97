// Keeps in the audit log what no action does: refusals of what could not be read, and how much went through a tunnel.
import { type AuditLog, type ClonedError, describeThrown, type JsonObject, type Logger } from 'cloned/kernel'
import type { Whose } from './governed.js'

/** How a tunnel or request ended. */
export interface Ended {
  readonly callId: string
  /** `scheme://host:port` */
  readonly target: string
  readonly bytesUp: number
  readonly bytesDown: number
  readonly ms: number
  /** Why it was ended, when neither side did. */
  readonly code: string | undefined
}

/** The records of one door. */
export class Records {
  readonly #audit: Pick<AuditLog, 'append'>
  readonly #log: Pick<Logger, 'error'>
  readonly #now: () => number
  readonly #whose: Whose
  readonly #pending = new Set<Promise<void>>()

  constructor(parts: { audit: Pick<AuditLog, 'append'>; log: Pick<Logger, 'error'>; now: () => number }, whose: Whose) {
    this.#audit = parts.audit
    this.#log = parts.log
    this.#now = parts.now
    this.#whose = whose
  }

  /** What was not even a request that could be judged. */
  refused({ code }: Pick<ClonedError, 'code'>): void {
    this.#append('egress.refused', { code })
  }

  ended({ callId, target, bytesUp, bytesDown, ms, code }: Ended): void {
    const about = { call_id: callId, target, bytes_up: bytesUp, bytes_down: bytesDown, dur_ms: Math.round(ms) }
    this.#append('egress.ended', code === undefined ? about : { ...about, code })
  }

  /** Resolves when everything is in the log, or was said not to be. */
  async written(): Promise<void> {
    await Promise.all(this.#pending)
  }

  #append(type: string, fields: JsonObject): void {
    const record = { type, ts: new Date(this.#now()).toISOString(), ...this.#whose, ...fields }
    const writing = (async () => {
      try {
        await this.#audit.append(record)
      } catch (error) {
        this.#log.error('the end of a connection is not in the audit log', { type, error: describeThrown(error) })
      }
    })()
    this.#pending.add(writing)
    writing.then(() => this.#pending.delete(writing))
  }
}
