// Defines the actions around webhooks: to add one, to remove one, to deliver what waits; their inputs hold no secret.
import { actionKind, type JsonObject } from 'cloned/kernel'
import type { WebhookAdded, WebhookDelivered } from './slot.js'

export type WebhookAdd = {
  readonly name: string
  readonly url: string
  readonly types: readonly string[]
  readonly secret?: string
}
export type WebhookRemove = { readonly name: string }
/** `id` says which webhook of that name. */
export type WebhookDeliver = { readonly name: string; readonly id: string; readonly test?: true }

/** Runs in the process that decides. */
export const webhookAdd = actionKind<WebhookAdd, WebhookAdded, 'webhook.add'>({
  id: 'webhook.add',
  contract: 1,
  record: 'webhook',
  onApproval: 'execute',
})

export const webhookRemove = actionKind<WebhookRemove, WebhookRemove, 'webhook.remove'>({
  id: 'webhook.remove',
  contract: 1,
  record: 'webhook',
  onApproval: 'execute',
})

/** Its records have a word of their own: a webhook that told of its own deliveries would never end. */
export const webhookDeliver = actionKind<WebhookDeliver, WebhookDelivered, 'webhook.deliver'>({
  id: 'webhook.deliver',
  contract: 1,
  record: 'delivery',
  onApproval: 'caller',
})

/** Events that are about looking after the log or about deliveries themselves; they are sent to nobody. */
export const BOOKKEEPING: readonly string[] = ['check.', 'delivery.', 'log.', 'store.']

export const NAME = '^[a-z][a-z0-9-]{0,31}$'
export const SECRET_NAME = '^[a-z0-9][a-z0-9_.-]{0,63}$'
export const TYPE = '^[a-z][a-z0-9._-]{0,127}$'

const name: JsonObject = { type: 'string', pattern: NAME }

export const ADD_INPUT: JsonObject = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'url', 'types'],
  properties: {
    name,
    url: { type: 'string', minLength: 1, maxLength: 2_048 },
    types: { type: 'array', maxItems: 20, uniqueItems: true, items: { type: 'string', pattern: TYPE } },
    secret: { type: 'string', pattern: SECRET_NAME },
  },
}
export const REMOVE_INPUT: JsonObject = {
  type: 'object',
  additionalProperties: false,
  required: ['name'],
  properties: { name },
}
export const DELIVER_INPUT: JsonObject = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'id'],
  properties: { name, id: { type: 'string', pattern: '^[0-9a-f]{16}$' }, test: { const: true } },
}

/** What egress rules and secrets know a webhook by. */
export function toolOfWebhook(webhook: string): string {
  return `cloned.webhook.${webhook}@v1`
}
