// Counts hits and records them in the audit log; a record of a hit must never hold any part of a value.
import { type AuditLog, describeThrown, type Logger } from 'cloned/kernel'
import type { Found, Hits } from './scrubber.js'

export interface HitLog {
  /** Appends `redaction.hit` for each secret. What is appended later in this process stands behind it in the log. */
  add(found: Found, hits: Hits): void
  /** Resolves when every hit so far is durable, or known not to be. */
  settled(): Promise<void>
}

/**
 * While a record of the same secret and place is on its way to the disk, further hits are added up for the next one: a
 * loop that logs a secret costs one record a sync.
 */
export function createHitLog(audit: AuditLog, now: () => number, log: Logger): HitLog {
  const writing = new Map<string, Promise<void>>()
  const waiting = new Map<string, number>()

  const append = async (name: string, { sink, callId }: Found, count: number): Promise<void> => {
    const about = { name, sink, count, ...(callId === undefined ? {} : { call_id: callId }) }
    try {
      await audit.append({ type: 'redaction.hit', ts: new Date(now()).toISOString(), ...about })
    } catch (error) {
      // The value is out of the text either way; a log that takes no record denies the next action by itself.
      log.error('a redaction could not be recorded', { ...about, cause: describeThrown(error) })
    }
  }
  const write = (key: string, name: string, found: Found, count: number): void => {
    const written = append(name, found, count).then(() => {
      const more = waiting.get(key)
      writing.delete(key)
      waiting.delete(key)
      if (more !== undefined) write(key, name, found, more)
    })
    writing.set(key, written)
  }

  return {
    add(found, hits) {
      for (const [name, count] of hits) {
        const key = JSON.stringify([name, found.sink, found.callId])
        if (writing.has(key)) waiting.set(key, (waiting.get(key) ?? 0) + count)
        else write(key, name, found, count)
      }
    },
    async settled() {
      while (writing.size > 0) await Promise.all(writing.values())
    },
  }
}
