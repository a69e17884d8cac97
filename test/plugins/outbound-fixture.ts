// Outgoing requests of plugins for tests: over the real firewall, or into a `fetch` that a test plays.
import { ClonedError } from 'cloned/kernel'
import { PluginEgress } from '../../plugins/firewall/plugin-egress.js'
import { createResolver } from '../../plugins/firewall/resolve.js'
import { ReceivedResponse } from '../../plugins/firewall/response.js'
import { createOutbound, type Outbound } from '../../plugins/outbound/index.js'

/** Over real sockets. Without a name server (`127.0.0.1:5353`) there are no names. */
export function realOutbound(nameServer = '127.0.0.1:1'): Outbound & { close(): Promise<void> } {
  const egress = new PluginEgress({
    resolve: createResolver([nameServer]),
    own: () => new Set(),
    now: () => performance.now(),
    log: { warn: (message: string) => expectQuiet(message) },
  })
  return { ...createOutbound(egress), close: () => egress.close() }
}

function expectQuiet(message: string): void {
  throw new Error(`logged: ${message}`)
}

/** Into a `fetch`, for the origins that were declared. */
export function playedOutbound(fetch: typeof globalThis.fetch): Outbound {
  return createOutbound({
    forPlugin:
      ({ hosts }) =>
      async (url, { method = 'GET', headers = {}, body } = {}) => {
        const { hostname } = new URL(url)
        if (!hosts.some(({ host }) => host === hostname)) throw new Error(`${hostname} was not declared`)
        const content = body === undefined ? {} : { body: String(body) }
        const response = await fetch(String(url), { method, headers: { ...headers }, ...content }).catch((cause) => {
          throw new ClonedError('EGRESS_FAILED', { host: hostname, cause: 'it was played to fail' }, { cause })
        })
        return new ReceivedResponse({
          status: response.status,
          url: String(url),
          redirected: false,
          headers: {},
          body: Buffer.from(await response.arrayBuffer()),
        })
      },
  })
}
