// Resolves names by asking the DNS itself: no hosts file, no search domains, no thread of the pool that could hang.
import { Resolver } from 'node:dns/promises'
import { ClonedError, describeThrown } from 'cloned/kernel'

/** Every address of a name, IPv4 first; at least one. Rejects with `EGRESS_FAILED`. */
export type Resolve = (name: string) => Promise<readonly string[]>

const TIMEOUT_MS = 2_000
const TRIES = 2
const NOTHING = new Set(['ENODATA', 'ENOTFOUND'])

/** Asks the servers of the system, or `servers` (`127.0.0.1:5353`). */
export function createResolver(servers?: readonly string[]): Resolve {
  let resolver: Resolver | undefined
  return async (name) => {
    // Made at first use: it reads the configuration of the system.
    if (!resolver) {
      resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES })
      if (servers) resolver.setServers(servers)
    }
    const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)])
    const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
    if (found.length > 0) return found
    const failure = answers.find((answer) => answer.status === 'rejected' && !NOTHING.has(answer.reason?.code))
    const cause =
      failure?.status === 'rejected'
        ? `its name was not resolved (${describeThrown(failure.reason)})`
        : 'there is no such name'
    throw new ClonedError('EGRESS_FAILED', { host: name, cause })
  }
}
