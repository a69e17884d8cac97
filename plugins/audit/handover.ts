// Decides when a thread takes the log over from the calling thread; no batch may reach two writers, and none a closed one.
import type { InlineTransport, Transport } from './transport.js'

/** A command ends before that, and waits for no thread to start or to end; whoever writes more goes on for a while. */
const AT_HAND = 32

/**
 * Hands `atHand` batches to the first writer and all others to that of `thread`, which is made while the first one still
 * writes: it must not touch the log before its first wish. Where somebody else is at the log it takes over at once: waiting
 * for them would hold up all that this process does.
 */
export function newHandover(first: InlineTransport, thread: () => Transport, atHand = AT_HAND): Transport {
  let left = atHand
  let next: Transport | undefined
  let current: Transport = first
  const handedOver = async (): Promise<Transport> => {
    if (current === first) {
      next ??= thread()
      await first.close()
      current = next
    }
    return current
  }
  return {
    write: async (batch) => {
      if (current === first && left > 0) {
        left--
        if (left < atHand / 4) next ??= thread()
        const written = await first.writeNow(batch)
        if (written) return written
      }
      return (await handedOver()).write(batch)
    },
    tree: () => current.tree(),
    rotate: async (from, ts) => (await handedOver()).rotate(from, ts),
    // A thread that has taken nothing over yet has to end all the same.
    close: async () => void (await Promise.all([current.close(), current === next ? undefined : next?.close()])),
  }
}
