// Waits for what a client says first in a tunnel and holds it to the host it named; nothing is passed on before.
import type { Socket } from 'node:net'
import { ClonedError } from 'cloned/kernel'
import { readHello } from './client-hello.js'

/** A fatal TLS alert, unrecognized_name (RFC 8446 section 6): the client learns why, in its own language. */
const UNRECOGNIZED_NAME = Buffer.from([21, 3, 3, 0, 2, 2, 112])

/**
 * The bytes until and including a ClientHello for `host`. Rejects with `EGRESS_PROXY_SNI` for any other name, none, TLS
 * that hides it, and what is no TLS; with `EGRESS_TIMEOUT` after `ms`. A literal address has no name: none may be asked for.
 */
export function firstBytes(client: Socket, head: Buffer, host: string, ms: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const literal = /^\[|^[\d.]+$/.test(host)
    let bytes = head
    const timer = setTimeout(() => done(new ClonedError('EGRESS_TIMEOUT', { host, ms })), ms)
    const done = (error?: ClonedError) => {
      clearTimeout(timer)
      client.off('data', take)
      client.off('end', gone)
      client.off('close', gone)
      client.pause()
      if (error) reject(error)
      else resolve(bytes)
    }
    const gone = () => done(new ClonedError('EGRESS_CANCELLED', { host }))
    const judge = () => {
      const hello = readHello(bytes)
      if (hello.state === 'more') return
      if (hello.state === 'refused') return done(wrong(hello.problem))
      if (hello.name === (literal ? undefined : host)) return done()
      client.write(UNRECOGNIZED_NAME)
      done(wrong(hello.name === undefined ? 'it asks for no name' : 'it asks for another name'))
    }
    const wrong = (problem: string) => new ClonedError('EGRESS_PROXY_SNI', { host, problem })
    const take = (chunk: Buffer) => {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
      judge()
    }
    // It may have hung up while it was decided about, and the end of its bytes has been told by then.
    if (client.destroyed || client.readableEnded) return gone()
    client.on('data', take)
    // The server leaves its half open: who hangs up before a word is only heard here.
    client.once('end', gone)
    client.once('close', gone)
    if (bytes.length > 0) judge()
  })
}
