// Carries out a delivery that was let through: signs and sends what waits; must never send to another URL than the webhook's.
import { randomBytes } from 'node:crypto'
import {
  beforeSecretUse,
  ClonedError,
  type Executor,
  fail,
  type HandlerContext,
  isClonedError,
  type JsonObject,
} from 'cloned/kernel'
import type { Firewall } from '../firewall/slot.js'
import type { Keys } from '../keys/slot.js'
import type { SecretContext, Vault } from '../vault/slot.js'
import { DELIVER_INPUT, toolOfWebhook, type WebhookDeliver } from './kinds.js'
import type { Attempt, Queue } from './queue.js'
import { headersOf, hmacKey, privateKeyOf } from './sign.js'
import type { WebhookDelivered } from './slot.js'
import type { StoredMessage, StoredWebhook } from './tables.js'

export interface DeliverParts {
  readonly queue: Pick<Queue, 'webhook' | 'messages' | 'settle'>
  readonly firewall: Pick<Firewall, 'fetch' | 'read'>
  readonly keys: Pick<Keys, 'macKey'>
  readonly vault: Pick<Vault, 'resolve'> | undefined
  readonly workspace: () => string
  readonly now: () => number
}

/** Messages of one action. */
const MOST = 20
/** For connection and answer together; who is slower gets the message again. */
const PATIENCE_MS = 15_000
/** Of the answer, which says nothing but its status. */
const MAX_ANSWER = 64 * 1024
/** Where the scope of a secret says that it may be used. */
const PLACE = 'header:webhook-signature'

export function deliverExecutor(parts: DeliverParts): Executor<WebhookDeliver, WebhookDelivered> {
  const { queue } = parts
  return {
    input: DELIVER_INPUT,
    async execute({ name, id, test }, ctx) {
      const webhook = await queue.webhook(name)
      if (webhook?.id !== id) {
        const unknown = new ClonedError('WEBHOOK_UNKNOWN', { name })
        throw fail(unknown.message, { code: unknown.code, help: unknown.help })
      }
      if (test) {
        const how = await attempt(parts, webhook, testMessage(parts), ctx)
        return how.ok ? { delivered: 1 } : { delivered: 0, problem: how.problem }
      }
      let { failures } = webhook
      let delivered = 0
      for (const message of await queue.messages(webhook, MOST)) {
        const how = await attempt(parts, webhook, message, ctx)
        // Nobody knows whether it arrived, so it is sent again, under the same id.
        if (ctx.signal.aborted) break
        await queue.settle({ ...webhook, failures }, message, how)
        if (how.ok) {
          delivered++
          failures = 0
        } else if (how.whose !== 'message') return { delivered, problem: how.problem }
      }
      return { delivered }
    },
  }
}

/** Tries once. Never throws: whatever keeps a message here is an ending. */
async function attempt(
  { firewall, keys, vault, workspace, now }: DeliverParts,
  webhook: StoredWebhook,
  { seq, body }: Pick<StoredMessage, 'seq' | 'body'>,
  ctx: HandlerContext,
): Promise<Attempt> {
  const tool = toolOfWebhook(webhook.name)
  let hmac: Buffer | undefined
  try {
    if (webhook.secret !== undefined) {
      if (!vault) return { ok: false, problem: 'this distribution has no vault', whose: 'receiver' }
      const check: SecretContext['check'] = (subject) => ctx.check(beforeSecretUse, subject)
      const about = {
        tool,
        host: hostOf(firewall, webhook.url),
        slot: PLACE,
        callId: ctx.callId,
        workspace: workspace(),
      }
      const secret = await vault.resolve(webhook.secret, { ...about, check })
      hmac = hmacKey(secret.reveal())
      if (!hmac)
        return {
          ok: false,
          problem: `the secret ${webhook.secret} is not "whsec_" and 24 to 64 bytes in base64`,
          whose: 'receiver',
        }
    }
    const message = { id: `msg_${webhook.id}_${seq}`, timestamp: Math.floor(now() / 1000), body }
    const headers = headersOf(message, await privateKeyOf(keys, webhook), hmac)
    const { status } = await firewall.fetch(ctx, webhook.url, {
      method: 'POST',
      headers,
      body,
      redirect: 'manual',
      maxBytes: MAX_ANSWER,
      deadlineMs: PATIENCE_MS,
      tool,
    })
    return ending(status)
  } catch (error) {
    if (!isClonedError(error)) throw error
    return { ok: false, problem: error.message, whose: 'receiver' }
  } finally {
    hmac?.fill(0)
  }
}

function ending(status: number): Attempt {
  if (status >= 200 && status < 300) return { ok: true }
  const problem = `it answered with ${status}`
  if (status === 410) return { ok: false, problem, whose: 'gone' }
  const own = status >= 400 && status < 500 && status !== 408 && status !== 429
  return { ok: false, problem, whose: own ? 'message' : 'receiver' }
}

/** As the vault knows hosts. */
export function hostOf(firewall: Pick<Firewall, 'read'>, url: string): string {
  const target = firewall.read(url)
  if (!('host' in target)) return ''
  return target.port === 443 ? target.host : `${target.host}:${target.port}`
}

function testMessage({ workspace, now }: DeliverParts): { seq: number; body: string } {
  const data: JsonObject = {}
  const at = now()
  const event = {
    specversion: '1.0',
    id: `test-${randomBytes(8).toString('hex')}`,
    source: `urn:cloned:workspace:${workspace()}`,
    type: 'webhook.test',
    time: new Date(at).toISOString(),
    datacontenttype: 'application/json',
    data,
  }
  return { seq: at, body: JSON.stringify(event) }
}
