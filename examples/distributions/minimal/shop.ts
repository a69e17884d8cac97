// A tool of a host's own, and the rule that goes with it: refunds above a limit are denied; it pays nothing by itself.
import { beforeToolCall, definePlugin, defineTool, deny, fail, type Plugin, toolsCollection } from 'cloned/kernel'

/** What the host brings. */
export interface Shop {
  /** Refunds above this wait for nobody: they are denied. */
  readonly limitCents: number
  /** Pays money back; the one thing here that must never happen ungoverned. */
  refund(order: string, cents: number): Promise<void>
}

interface Refund {
  readonly order: string
  readonly cents: number
}

export const REFUND = 'shop.orders.refund@v1'

/** The handler of its tool is visible to the kernel alone. */
export const shopPlugin = ({ limitCents, refund }: Shop): Plugin =>
  definePlugin({
    id: 'shop.tools',
    version: '1.0.0',
    kernel: '^0.1.0',
    contributes: { tools: toolsCollection },
    taps: [beforeToolCall],
    setup({ hooks }) {
      hooks.guard(beforeToolCall, ({ target, input }) => {
        // Validated before anybody votes, so the input has the shape that the tool's schema says.
        if (target !== REFUND || (input as unknown as Refund).cents <= limitCents) return undefined
        return deny(`it is above the limit of ${limitCents} cents`, { help: 'Ask a colleague to refund it by hand.' })
      })
      return { tools: [refundTool(refund)] }
    },
  })

const refundTool = (refund: Shop['refund']) =>
  defineTool<Refund>({
    id: REFUND,
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
  })
