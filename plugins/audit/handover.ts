// Decides when a thread takes the log over from the calling thread; no batch may reach two writers, and none a closed one.
import type { Transport } from './transport.js'

/** A command ends before that, and waits for no thread to start or to end; whoever writes more goes on for a while. */
const AT_HAND = 32

/**
 * Hands `atHand` batches to the first writer and all others to that of `thread`, which is made while the first one still
 * writes: it must not touch the log before its first wish.
 */
export function newHandover(first: Transport, thread: () => Transport, atHand = AT_HAND): Transport {
  let left = atHand
  let next: Transport | undefined
  let current = first
  return {
    write: async (batch) => {
      if (left === 0 && current === first) {
        next ??= thread()
        await first.close()
        current = next
      }
      if (current !== first) return current.write(batch)
      left--
      if (left < atHand / 4) next ??= thread()
      return first.write(batch)
    },
    tree: () => current.tree(),
    rotate: (from, ts) => current.rotate(from, ts),
    // A thread that has taken nothing over yet has to end all the same.
    close: async () => void (await Promise.all([current.close(), current === next ? undefined : next?.close()])),
  }
}
