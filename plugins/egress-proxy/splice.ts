// Carries the bytes of a tunnel both ways until either side ends; reads and changes none of them.
import type { Socket } from 'node:net'
import { ClonedError } from 'cloned/kernel'

/** Without a byte, until a tunnel is closed that one side has ended. */
const HALF_OPEN_MS = 10_000

/** Resolves when both sides are closed. An error of either closes the other; `idleMs` without a byte closes both. */
export function splice(client: Socket, upstream: Socket, { host, idleMs }: { host: string; idleMs: number }) {
  return new Promise<void>((resolve) => {
    let open = 2
    const closed = () => {
      if (--open === 0) resolve()
    }
    const idle = () => upstream.destroy(new ClonedError('EGRESS_TIMEOUT', { host, ms: idleMs }))
    // Both, though both directions pass through each: one may be closed and the other not yet.
    client.setTimeout(idleMs, idle)
    upstream.setTimeout(idleMs, idle)
    // Who has ended and left looks like who has ended and still reads, until something is written to it.
    const half = Math.min(idleMs, HALF_OPEN_MS)
    client.once('end', () => upstream.setTimeout(half))
    upstream.once('end', () => client.setTimeout(half))
    client.once('close', () => {
      closed()
      upstream.destroySoon()
    })
    upstream.once('close', (failed) => {
      closed()
      if (failed) client.destroy()
      else client.destroySoon()
    })
    if (client.closed) {
      closed()
      upstream.destroy()
    }
    if (upstream.closed) {
      closed()
      client.destroy()
    }
    client.pipe(upstream)
    upstream.pipe(client)
  })
}
