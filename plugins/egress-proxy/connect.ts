// Serves one CONNECT: decided, dialled and recorded, then held to the name it was for; only then are bytes passed on.
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { type ClonedError, isClonedError } from 'cloned/kernel'
import type { DoorParts } from './door.js'
import { firstBytes } from './first-bytes.js'
import { readConnect } from './head.js'
import { type Refusal, refusalMessage, refusalOf } from './refusal.js'
import { splice } from './splice.js'

const HELLO_MS = 10_000
const LINGER_MS = 1_000

/** Resolves when the tunnel is closed, or was never opened. */
export async function serveConnect(door: DoorParts, request: IncomingMessage, client: Socket, head: Buffer) {
  const { whose, governed, firewall, records, limits, signal } = door
  let origin: string
  let host: string
  try {
    const { target } = readConnect(request, firewall.read, whose.connector)
    origin = target.origin
    host = target.host
  } catch (error) {
    if (!isClonedError(error)) throw error
    records.refused(error)
    return refuse(client, refusalOf(error))
  }
  const startedAt = performance.now()
  const answer = await governed.connect(whose, origin, signal)
  if ('refusal' in answer) return refuse(client, answer.refusal)
  const { callId, value: upstream } = answer
  let problem: ClonedError | undefined
  const lost = () => client.destroy()
  upstream.once('close', lost)
  try {
    client.write('HTTP/1.1 200 Connection established\r\n\r\n')
    const first = await firstBytes(client, head, host, HELLO_MS)
    upstream.off('close', lost)
    if (!upstream.destroyed) upstream.write(first)
    await splice(client, upstream, { host, idleMs: limits.idleMs })
  } catch (error) {
    if (!isClonedError(error)) throw error
    problem = error
    linger(client)
  } finally {
    upstream.destroy()
    const reason = upstream.errored ?? problem
    records.ended({
      callId,
      target: origin,
      bytesUp: upstream.bytesWritten,
      bytesDown: upstream.bytesRead,
      ms: performance.now() - startedAt,
      code: isClonedError(reason) ? reason.code : undefined,
    })
  }
}

/** Answers, and leaves the client the time to read it: what it still sends would turn a close into a reset. */
export function refuse(client: Socket, refusal: Refusal): void {
  client.write(refusalMessage(refusal))
  linger(client)
}

function linger(client: Socket): void {
  client.end()
  client.resume()
  client.setTimeout(LINGER_MS, () => client.destroy())
}
