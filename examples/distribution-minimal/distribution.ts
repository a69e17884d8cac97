// Puts a distribution together from three plugins of a host's own; it must not need a workspace or a command line.
import {
  allow,
  auditSlot,
  beforeToolCall,
  type Distribution,
  defineDistribution,
  definePlugin,
  defineTool,
  deny,
  fail,
  type Plugin,
  toolsCollection,
} from 'cloned/kernel'
import type { FileAuditLog } from 'cloned/plugins/audit'

/** What the host brings. */
export interface Shop {
  /** Where every decision is made durable; the kernel closes it when it stops. */
  readonly log: FileAuditLog
  /** Refunds above this wait for nobody: they are denied. */
  readonly limitCents: number
  /** Pays money back; the one thing here that must never happen ungoverned. */
  refund(order: string, cents: number): Promise<void>
}

const OURS = { version: '1.0.0', kernel: '^0.1.0' }

interface Refund {
  readonly order: string
  readonly cents: number
}

/** First plugin: owns the audit slot. Without one the kernel runs nothing at all. */
const audit = ({ log }: Shop): Plugin =>
  definePlugin({
    id: 'shop.audit',
    ...OURS,
    provides: { audit: auditSlot },
    setup({ onStart, onStop }) {
      onStart(() => log.ready())
      onStop(() => log.close())
      return { audit: log }
    },
  })

/** Second plugin: the policy. What it does not allow is denied, for nobody else's `allow` counts. */
const policy = ({ limitCents }: Shop): Plugin =>
  definePlugin({
    id: 'shop.policy',
    ...OURS,
    taps: [beforeToolCall],
    setup({ hooks }) {
      hooks.guard(beforeToolCall, ({ target, input }) => {
        if (target !== 'shop.orders.refund@v1') return undefined
        // Validated before anybody votes, so the input has the shape that the tool's schema says.
        if ((input as unknown as Refund).cents <= limitCents) return allow('small refunds')
        return deny(`it is above the limit of ${limitCents} cents`, { help: 'Ask a colleague to refund it by hand.' })
      })
    },
  })

/** Third plugin: the tool. Its handler is visible to the kernel alone. */
const tools = ({ refund }: Shop): Plugin =>
  definePlugin({
    id: 'shop.tools',
    ...OURS,
    contributes: { tools: toolsCollection },
    setup: () => ({
      tools: [
        defineTool<Refund>({
          id: 'shop.orders.refund@v1',
          title: 'Refund an order',
          description: 'Pays money back to the customer.',
          input: {
            type: 'object',
            properties: {
              order: { type: 'string', pattern: '^[A-Z]-[0-9]{1,9}$' },
              cents: { type: 'integer', minimum: 1 },
            },
            required: ['order', 'cents'],
            additionalProperties: false,
          },
          output: {
            type: 'object',
            properties: { refunded: { type: 'integer' } },
            required: ['refunded'],
            additionalProperties: false,
          },
          risk: 'high',
          capability: 'shop.pay',
          async handler({ order, cents }, { signal }) {
            // Cancelled before anything was paid: say so, or the outcome has to read "effect unknown".
            if (signal.aborted) throw fail('cancelled before it was paid')
            await refund(order, cents)
            return { refunded: cents }
          },
        }),
      ],
    }),
  })

/** The kernel and exactly these three plugins. */
export function shopDistribution(shop: Shop): Distribution {
  return defineDistribution({
    name: 'shop',
    version: '1.0.0',
    plugins: [audit(shop), policy(shop), tools(shop)],
    mayAllow: ['shop.policy'],
    requireGuards: { beforeToolCall: ['shop.policy'] },
  })
}
