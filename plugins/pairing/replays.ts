// Remembers which proofs were used, for all processes; a proof must never count twice.
import { sha256 } from 'cloned/kernel'
import type { Store } from '../store/slot.js'
import type { Proof } from './proof.js'

export interface Replays {
  /** `true` the first time. */
  first(proof: Proof): Promise<boolean>
}

/** How often lapsed proofs are dropped: a statement more for every request would be as dear as remembering it. */
const SWEEP_MS = 1_000

export function createReplays({ store, now }: { store: Pick<Store, 'write'>; now: () => number }): Replays {
  let sweptAt = Number.NEGATIVE_INFINITY
  return {
    async first({ thumbprint, jti, until }) {
      const sweeps = Math.abs(now() - sweptAt) >= SWEEP_MS
      if (sweeps) sweptAt = now()
      const results = await store.write(
        [
          ...(sweeps ? [{ sql: 'delete from pairing_proofs where until < $1', args: [now()] }] : []),
          {
            sql: 'insert into pairing_proofs (id, until) values ($1, $2) on conflict (id) do nothing returning id',
            args: [sha256(`${thumbprint}\n${jti}`), until],
          },
        ],
        // Outlives every process; what a power cut takes lapses by itself within two minutes.
        { durable: false },
      )
      return results.at(-1)?.length === 1
    },
  }
}
