// Lets a client wait for a person: `Prefer: wait` holds a pending call until it is decided; it decides nothing itself.
import { setTimeout as pause } from 'node:timers/promises'
import type { Approvals, Gate, Outcome } from 'cloned/kernel'
import type { FastifyReply } from 'fastify'

const LOOK_MS = 200

/** The outcome itself, or what became of a pending one within so many milliseconds. */
export type Patience = (outcome: Outcome, waitMs: number, signal: AbortSignal) => Promise<Outcome>

export function patience(gate: Pick<Gate, 'resume'>, approvals: Pick<Approvals, 'get'> | undefined): Patience {
  return async (outcome, waitMs, signal) => {
    if (outcome.status !== 'pending' || waitMs === 0 || !approvals) return outcome
    const until = performance.now() + waitMs
    const { id } = outcome.approval
    for (;;) {
      const left = until - performance.now()
      if (left <= 0 || signal.aborted) return outcome
      await pause(Math.min(LOOK_MS, left))
      const request = await approvals.get(id)
      // Resuming says how it ended, a denial included.
      if (request?.state !== 'pending') return gate.resume(id, { signal })
    }
  }
}

/** Aborts when the client has gone: nobody waits for the answer any more. */
export function closing(reply: FastifyReply): AbortSignal {
  const gone = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort()
  })
  return gone.signal
}
