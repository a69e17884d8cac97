// Opens connections: resolves once, vets, and dials the vetted literal; must never hand a name to the system to resolve.
import type { Socket } from 'node:net'
import { ClonedError, describeThrown } from 'cloned/kernel'
import type { buildConnector } from 'undici'
import { formatAddress, parseAddress, unmapped } from './address.js'
import type { Resolve } from './resolve.js'
import type { AddressPolicy } from './rule.js'
import { vet } from './vet.js'

/** What dialling needs. */
export interface DialParts {
  readonly resolve: Resolve
  /** Connects to a literal address; made by `buildConnector`. */
  readonly connect: buildConnector.connector
  readonly own: () => ReadonlySet<string>
}

const MAX_TRIED = 4

/** A connector for one address policy. */
export function vettedConnector(parts: DialParts, addresses: AddressPolicy): buildConnector.connector {
  return (options, callback) => {
    dial(parts, addresses, options).then(
      (socket) => callback(null, socket),
      (error: unknown) => callback(error instanceof Error ? error : new Error(describeThrown(error)), null),
    )
  }
}

/** Connects to the first vetted address that answers. Throws `EGRESS_ADDRESS` or `EGRESS_FAILED`. */
export async function dial(
  parts: DialParts,
  addresses: AddressPolicy,
  options: buildConnector.Options,
): Promise<Socket> {
  const host = options.hostname
  const literal = parseAddress(host) !== undefined
  const vetted = vet(literal ? [host] : await parts.resolve(host), addresses, parts.own())
  // The text says no more than that: which address it was is nothing for whoever may be probing.
  if (!vetted) throw new ClonedError('EGRESS_ADDRESS', { host })
  let failure: unknown
  for (const address of vetted.slice(0, MAX_TRIED)) {
    try {
      return await connect(parts.connect, { ...options, hostname: address, servername: literal ? '' : host }, address)
    } catch (error) {
      failure = error
    }
  }
  const cause = `no connection (${(failure as NodeJS.ErrnoException | undefined)?.code ?? describeThrown(failure)})`
  throw new ClonedError('EGRESS_FAILED', { host, cause }, { cause: failure })
}

function connect(
  connector: buildConnector.connector,
  options: buildConnector.Options,
  address: string,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    connector(options, (...[error, socket]) => {
      if (error) return reject(error)
      const peer = parseAddress(socket.remoteAddress ?? '')
      if (peer && formatAddress(unmapped(peer)) === address) return resolve(socket)
      socket.destroy()
      reject(new Error('the peer is not the address that was dialled'))
    })
  })
}
