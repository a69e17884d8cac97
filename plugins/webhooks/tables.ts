// Says how webhooks and their messages are stored, and reads their rows; a published migration never changes.
import type { Row } from '../store/slot.js'

export const MIGRATIONS: readonly (readonly string[])[] = [
  [
    `create table webhooks (
      name text primary key, id text not null, kid text not null, url text not null, types text not null, secret text,
      public_key text not null, created_at bigint not null, state text not null, cursor bigint not null,
      failures bigint not null, retry_at bigint not null, delivered bigint not null, problem text
    )`,
    `create table webhook_messages (
      webhook text not null, seq bigint not null, type text not null, body text not null, state text not null,
      attempts bigint not null, next_at bigint not null, problem text,
      primary key (webhook, seq)
    )`,
    'create index webhook_messages_due on webhook_messages (state, next_at)',
  ],
]

/** A webhook as it is stored. */
export interface StoredWebhook {
  readonly name: string
  readonly id: string
  readonly kid: string
  readonly url: string
  readonly types: readonly string[]
  readonly secret: string | undefined
  readonly publicKey: string
  readonly createdAt: number
  readonly state: 'on' | 'off'
  /** Events up to here have become messages. */
  readonly cursor: number
  /** Attempts in a row that the receiver as a whole has failed. */
  readonly failures: number
  readonly delivered: number
  readonly problem: string | undefined
}

/** A message that waits. */
export interface StoredMessage {
  readonly seq: number
  readonly type: string
  readonly body: string
  readonly attempts: number
}

export function webhookOf(row: Row): StoredWebhook {
  return {
    name: String(row['name']),
    id: String(row['id']),
    kid: String(row['kid']),
    url: String(row['url']),
    types: JSON.parse(String(row['types'])) as string[],
    secret: text(row['secret']),
    publicKey: String(row['public_key']),
    createdAt: Number(row['created_at']),
    state: row['state'] === 'on' ? 'on' : 'off',
    cursor: Number(row['cursor']),
    failures: Number(row['failures']),
    delivered: Number(row['delivered']),
    problem: text(row['problem']),
  }
}

export function messageOf({ seq, type, body, attempts }: Row): StoredMessage {
  return { seq: Number(seq), type: String(type), body: String(body), attempts: Number(attempts) }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
