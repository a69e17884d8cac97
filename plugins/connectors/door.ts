// Leads the connections of a confined program to the egress proxy; must never read or change what passes.
import { connect, type Server, type Socket } from 'node:net'
import type { EgressDoor } from '../egress-proxy/slot.js'

/** Joins a listener in the sandbox to the door of its connector, until one of them closes. */
export function joinDoor(listener: unknown, { socket, port }: EgressDoor): () => void {
  const server = listener as Server
  const open = new Set<Socket>()
  server.on('connection', (inner: Socket) => {
    const outer = socket === undefined ? connect({ port: port ?? 0, host: '127.0.0.1' }) : connect({ path: socket })
    for (const [from, to] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      open.add(from)
      from.pipe(to)
      from
        .once('error', () => to.destroy())
        .once('close', () => {
          open.delete(from)
          to.destroy()
        })
    }
  })
  return () => {
    server.close()
    for (const each of open) each.destroy()
  }
}
