// Makes the webhooks service of its parts; whatever changes where data goes is a governed action.

import { randomBytes } from 'node:crypto'
import { ClonedError, type Executor, fail, type Gate, type JsonObject } from 'cloned/kernel'
import type { Events } from '../events/slot.js'
import type { Keys } from '../keys/slot.js'
import type { Row, Store } from '../store/slot.js'
import {
  ADD_INPUT,
  REMOVE_INPUT,
  type WebhookAdd,
  type WebhookRemove,
  webhookAdd,
  webhookDeliver,
  webhookRemove,
} from './kinds.js'
import type { Queue } from './queue.js'
import { kidInUse, privateKeyOf, publicKeyText } from './sign.js'
import type { DeadLetter, WebhookAdded, Webhooks } from './slot.js'
import type { StoredWebhook } from './tables.js'

export interface ServiceParts {
  readonly store: Store
  readonly queue: Queue
  readonly gate: Pick<Gate, 'act'>
  readonly events: Pick<Events, 'takeIn' | 'range'>
  readonly keys: Pick<Keys, 'mac' | 'macKey'>
  readonly now: () => number
}

const MOST = 32
const SHOWN = 100

export function createWebhooks({ store, queue, gate, now }: ServiceParts): Webhooks {
  const found = async (name: string): Promise<StoredWebhook> => {
    const webhook = await queue.webhook(name)
    if (!webhook) throw new ClonedError('WEBHOOK_UNKNOWN', { name: name.slice(0, 64) })
    return webhook
  }
  return {
    async list() {
      const rows = await store.all('select webhook, state, count(*) as n from webhook_messages group by webhook, state')
      const count = (name: string, state: string) =>
        Number(rows.find((row) => row['webhook'] === name && row['state'] === state)?.['n'] ?? 0)
      return (await queue.webhooks()).map(
        ({ name, url, types, secret, publicKey, state, createdAt, delivered, problem }) => ({
          name,
          url,
          types,
          ...(secret === undefined ? {} : { secret }),
          publicKey,
          state,
          createdAt,
          pending: count(name, 'pending'),
          dead: count(name, 'dead'),
          delivered,
          ...(problem === undefined ? {} : { problem }),
        }),
      )
    },
    add({ name, url, types = [], secret }, { actor, dryRun = false } = {}) {
      const input: WebhookAdd = { name, url, types: [...types], ...(secret === undefined ? {} : { secret }) }
      const what = types.length === 0 ? 'every event' : `events of ${types.join(', ')}`
      const about: JsonObject = { title: `Send ${what} to ${url}`, rollback: `cloned webhooks remove ${name}` }
      return gate.act(webhookAdd, { target: name, input, about, ...(actor === undefined ? {} : { actor }) }, { dryRun })
    },
    async remove(name, { actor, dryRun = false } = {}) {
      await found(name)
      const about: JsonObject = { title: `Send no more events to the webhook ${name}` }
      const request = { target: name, input: { name }, about, ...(actor === undefined ? {} : { actor }) }
      return gate.act(webhookRemove, request, { dryRun })
    },
    async test(name, { actor, dryRun = false } = {}) {
      const { id } = await found(name)
      const request = { target: name, input: { name, id, test: true as const } }
      return gate.act(webhookDeliver, { ...request, ...(actor === undefined ? {} : { actor }) }, { dryRun })
    },
    async deadLetters(name) {
      await found(name)
      const rows = await store.all(
        `select seq, type, attempts, problem from webhook_messages where webhook = $1 and state = 'dead'
         order by seq desc limit ${SHOWN}`,
        name,
      )
      return rows.map(letterOf)
    },
    async replay(name, event) {
      const { id, state } = await found(name)
      // Where data goes again is decided by adding it again, which is a governed action.
      if (state === 'off') {
        throw new ClonedError('WEBHOOK_REFUSED', {
          name,
          problem: 'it has ended, since its receiver answered 410 Gone',
          next: `Remove it and add it again: cloned webhooks remove ${name}`,
        })
      }
      const one = event === undefined ? '' : ' and seq = cast($3 as bigint)'
      const [rows = []] = await store.write([
        {
          sql: `update webhook_messages set state = 'pending', attempts = 0, next_at = cast($2 as bigint)
                  where webhook = $1 and state = 'dead'${one} returning seq`,
          args: [name, now(), ...(event === undefined ? [] : [Number(event) || 0])],
        },
        { sql: "update webhooks set failures = 0, retry_at = 0 where id = $1 and state = 'on'", args: [id] },
      ])
      await queue.wake()
      return rows.length
    },
  }
}

function letterOf({ seq, type, attempts, problem }: Row): DeadLetter {
  return { event: String(seq), type: String(type), attempts: Number(attempts), problem: String(problem ?? '') }
}

export function addExecutor({ store, events, keys, now }: ServiceParts): Executor<WebhookAdd, WebhookAdded> {
  return {
    input: ADD_INPUT,
    async execute({ name, url, types, secret }) {
      const webhook = { id: randomBytes(8).toString('hex'), kid: await kidInUse(keys) }
      const publicKey = publicKeyText(await privateKeyOf(keys, webhook))
      // It hears of what happens from now on.
      await events.takeIn()
      const { last } = await events.range()
      const [rows = []] = await store.write([
        {
          sql: `insert into webhooks (name, id, kid, url, types, secret, public_key, created_at, state, cursor, failures,
                  retry_at, delivered)
                select $1, $2, $3, $4, $5, $6, $7, cast($8 as bigint), 'on', cast($9 as bigint), 0, 0, 0
                where (select count(*) from webhooks) < ${MOST} on conflict (name) do nothing returning name`,
          args: [name, webhook.id, webhook.kid, url, JSON.stringify(types), secret ?? null, publicKey, now(), last],
        },
      ])
      if (rows.length === 0) throw refusal(name, `the name is taken, or there are ${MOST} already`)
      return { name, public_key: publicKey }
    },
  }
}

export function removeExecutor({ store }: Pick<ServiceParts, 'store'>): Executor<WebhookRemove, WebhookRemove> {
  return {
    input: REMOVE_INPUT,
    async execute({ name }) {
      const [rows = []] = await store.write([
        { sql: 'delete from webhooks where name = $1 returning name', args: [name] },
        { sql: 'delete from webhook_messages where webhook = $1', args: [name] },
      ])
      const unknown = new ClonedError('WEBHOOK_UNKNOWN', { name })
      if (rows.length === 0) throw fail(unknown.message, { code: unknown.code, help: unknown.help })
      return { name }
    },
  }
}

function refusal(name: string, problem: string) {
  const { code, message, help } = new ClonedError('WEBHOOK_REFUSED', {
    name,
    problem,
    next: 'See what there is: cloned webhooks list',
  })
  return fail(message, { code, help })
}
