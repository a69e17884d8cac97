// Tells a service of the company that somebody has to decide; it delivers only, and says nothing of what was asked with.
import { configSchema, definePlugin, describeThrown, onApprovalRequested } from 'cloned/kernel'
import { outboundSlot } from 'cloned/plugins/outbound'

interface Config {
  /** `https://approvals.example.com/requests`; without one the channel delivers nothing. */
  readonly url?: string
  /** Private ranges that the name may lead to. */
  readonly addresses: readonly string[]
}

const config = configSchema<Config>({
  type: 'object',
  additionalProperties: false,
  properties: {
    url: { type: 'string', format: 'uri', maxLength: 2000 },
    addresses: { type: 'array', items: { type: 'string' }, default: [] },
  },
})

export const approvalsWebhook = definePlugin({
  id: 'acme.approvals-webhook',
  version: '1.0.0',
  kernel: '^0.1.0',
  stability: 'stable',
  description: 'Posts every request for approval to a service that knows who is on duty.',
  requires: { outbound: outboundSlot },
  taps: [onApprovalRequested],
  config,
  setup({ deps: { outbound }, config: { url, addresses }, hooks, log }) {
    hooks.notify(onApprovalRequested, async ({ id, action, asks, expiresAt }) => {
      if (url === undefined) return false
      try {
        const client = outbound.open({ plugin: 'acme.approvals-webhook', origins: [new URL(url).origin], addresses })
        // The input stays here: whoever is on duty reads it where they decide.
        const body = JSON.stringify({
          approval: id,
          kind: action.kind,
          target: action.target,
          requester: action.actor.id,
          reasons: asks.map(({ reason }) => reason),
          expires_at: new Date(expiresAt).toISOString(),
        })
        const headers = { 'content-type': 'application/json' }
        const { status } = await client.send({ method: 'POST', url, headers, body, timeoutMs: 4_000 })
        return status >= 200 && status < 300
      } catch (cause) {
        log.warn(`the approvals service was not reached: ${describeThrown(cause)}`)
        return false
      }
    })
  },
})
