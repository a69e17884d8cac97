// Names the webhooks service; interface and token only.
import { type ActorInput, type Outcome, slot } from 'cloned/kernel'

/** Where events are sent. */
export interface Webhook {
  /** Lower-case letters, digits and `-`, first a letter, at most 32. */
  readonly name: string
  /** `https:`, or `http:` to a loopback address. */
  readonly url: string
  /** Beginnings of types of events; every type when empty. */
  readonly types: readonly string[]
  /** Name of the secret in the vault that messages are signed with besides, `whsec_…`. */
  readonly secret?: string
  /** What receivers check the signature `v1a` of every message with: `whpk_` and the Ed25519 key in base64. */
  readonly publicKey: string
  /** `off`: the receiver answered 410 Gone; it stays so until it is removed and added again. */
  readonly state: 'on' | 'off'
  readonly createdAt: number
  /** Messages that wait, and that were given up. */
  readonly pending: number
  readonly dead: number
  readonly delivered: number
  /** Why the last attempt failed; absent when it did not. */
  readonly problem?: string
}

/** A message that was given up after its last attempt. */
export interface DeadLetter {
  /** Id of the event. */
  readonly event: string
  readonly type: string
  readonly attempts: number
  readonly problem: string
}

export interface NewWebhook {
  readonly name: string
  readonly url: string
  readonly types?: readonly string[]
  readonly secret?: string
}

/** What adding answers. */
export type WebhookAdded = { readonly name: string; readonly public_key: string }
/** How many messages a delivery has delivered, and why it stopped. */
export type WebhookDelivered = { readonly delivered: number; readonly problem?: string }

export interface ActOptions {
  readonly actor?: ActorInput | undefined
  readonly dryRun?: boolean
}

/**
 * Sends events of the feed to URLs by Standard Webhooks: at least once, in the order of the feed but for messages that a
 * receiver refuses, each under one `webhook-id` however often it is tried. Methods throw `WEBHOOK_UNKNOWN`.
 */
export interface Webhooks {
  list(): Promise<readonly Webhook[]>
  /** A governed action; without an egress rule for `cloned.webhook.<name>@v1` it is denied. */
  add(webhook: NewWebhook, options?: ActOptions): Promise<Outcome<WebhookAdded>>
  /** A governed action. What waits and what was given up goes with it. */
  remove(name: string, options?: ActOptions): Promise<Outcome>
  /** Sends one message of type `webhook.test` now. */
  test(name: string, options?: ActOptions): Promise<Outcome<WebhookDelivered>>
  /** Newest first, at most 100. */
  deadLetters(name: string): Promise<readonly DeadLetter[]>
  /** Sends what was given up again, or one event of it; answers how many. Throws `WEBHOOK_REFUSED` for one that is `off`. */
  replay(name: string, event?: string): Promise<number>
}

export const webhooksSlot = slot<Webhooks>('cloned.webhooks', { contract: 1 })
