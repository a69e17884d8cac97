// Replaces what was found by markers; no byte that belongs to an occurrence may get through, nor any other be dropped.
import type { Match } from './matcher.js'

/**
 * Redacts data that comes in pieces. Occurrences that overlap or lie in each other become one gap, with one marker for
 * each secret that reaches into it further than those before.
 */
export class Redaction {
  /** How many of the next bytes are already replaced. */
  #covered = 0
  #last = -1

  /**
   * What becomes of the bytes up to `limit`. `matches` holds all that start before it, by start and the longer first;
   * `marker` is asked once for each marker that is put in.
   */
  take(
    data: Uint8Array,
    matches: readonly Match[],
    limit: number,
    marker: (secret: number) => Uint8Array,
  ): Uint8Array[] {
    const pieces: Uint8Array[] = []
    let at = this.#covered
    for (const { start, end, secret } of matches) {
      if (start >= limit) break
      if (end <= at) continue
      if (start > at) pieces.push(data.subarray(at, start))
      if (start >= at || secret !== this.#last) pieces.push(marker(secret))
      this.#last = secret
      at = end
    }
    if (at < limit) pieces.push(data.subarray(at, limit))
    this.#covered = Math.max(0, at - limit)
    return pieces
  }
}
