// Makes webhooks a way to tell people of approval requests; a request counts as delivered once it is durably on its way.
import type { ApprovalRequest } from 'cloned/kernel'
import type { Events } from '../events/slot.js'
import { webhookDeliver } from './kinds.js'
import type { Queue } from './queue.js'

const REQUESTED = 'approval.requested'

export function createChannel(queue: Pick<Queue, 'fill' | 'webhooks'>, events: Pick<Events, 'read'>) {
  return async ({ id, action }: ApprovalRequest): Promise<boolean> => {
    // A request to deliver would be told by a delivery.
    if (action.kind === webhookDeliver.id) return false
    await queue.fill()
    const { events: found } = await events.read({ after: 0, limit: 1, types: [REQUESTED], subject: id })
    const seq = found[0]?.seq
    if (seq === undefined) return false
    // Behind the cursor of a webhook is what has become a message of it.
    return (await queue.webhooks()).some(
      ({ state, types, cursor }) =>
        state === 'on' && cursor >= seq && (types.length === 0 || types.some((type) => REQUESTED.startsWith(type))),
    )
  }
}
