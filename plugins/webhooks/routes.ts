// Webhooks over HTTP: look, add, remove, test, replay; each change passes the gate, and no secret is shown.
import type { ApiPart } from '../api/slot.js'
import { webhookJson } from './commands.js'
import { ADD_INPUT, NAME } from './kinds.js'
import type { NewWebhook, Webhooks } from './slot.js'

const WEBHOOK = {
  title: 'Webhook',
  type: 'object',
  required: ['name', 'url', 'types', 'public_key', 'state', 'created_at', 'pending', 'dead', 'delivered'],
  properties: {
    name: { type: 'string' },
    url: { type: 'string' },
    types: { type: 'array', items: { type: 'string' }, description: 'Beginnings of types; all of them when empty.' },
    secret: { type: 'string', description: 'Name of a secret in the vault.' },
    public_key: { type: 'string', description: 'Checks the signature `v1a` of Standard Webhooks.' },
    state: { enum: ['on', 'off'], description: '`off`: the receiver answered 410.' },
    created_at: { type: 'string', format: 'date-time' },
    pending: { type: 'integer' },
    dead: { type: 'integer' },
    delivered: { type: 'integer' },
    problem: { type: 'string', description: 'Why the last attempt failed.' },
  },
  examples: [
    {
      name: 'chat',
      url: 'https://hooks.example.com/cloned',
      types: ['approval.'],
      public_key: 'whpk_MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=',
      state: 'on',
      created_at: '2026-11-22T09:30:00.000Z',
      pending: 0,
      dead: 0,
      delivered: 12,
    },
  ],
} as const
const OUTCOME = {
  title: 'WebhookOutcome',
  type: 'object',
  required: ['status', 'call_id'],
  properties: {
    status: { enum: ['done', 'pending', 'dry-run'] },
    call_id: { type: 'string' },
    output: { type: 'object', description: 'With `done`: `public_key` of a new webhook, `delivered` of a test.' },
    approval_id: { type: 'string', description: 'With `pending`: what a person decides.' },
  },
  examples: [{ status: 'pending', call_id: '019aab3c-6f1e-7c52-9c0a-3d9a2f6f5b11', approval_id: 'ap_k3v7q2m4x5zt' }],
} as const
const DEAD = {
  type: 'object',
  required: ['event', 'type', 'attempts', 'problem'],
  properties: {
    event: { type: 'string' },
    type: { type: 'string' },
    attempts: { type: 'integer' },
    problem: { type: 'string' },
  },
  examples: [{ event: '1795343400001', type: 'run.done', attempts: 10, problem: 'it answered with 503' }],
} as const
const NEW = {
  title: 'NewWebhook',
  ...ADD_INPUT,
  required: ['name', 'url'],
  properties: {
    ...(ADD_INPUT['properties'] as object),
    dry_run: { type: 'boolean', description: 'Judges only.' },
  },
  examples: [{ name: 'chat', url: 'https://hooks.example.com/cloned', types: ['approval.'] }],
} as const
const BY_NAME = {
  type: 'object',
  additionalProperties: false,
  required: ['name'],
  properties: { name: { type: 'string', pattern: NAME, examples: ['chat'] } },
} as const
const DRY = {
  type: 'object',
  additionalProperties: false,
  properties: { dry_run: { type: 'boolean', description: 'Judges only.' } },
} as const
const REPLAY = {
  type: 'object',
  additionalProperties: false,
  properties: {
    event: { type: 'string', pattern: '^\\d{1,15}$', description: 'Only this one.', examples: ['1795343400001'] },
  },
} as const
type ByName = { Params: { name: string } }
type Dry = { Body: { dry_run?: boolean } }

export function webhooksPart(webhooks: Webhooks): ApiPart {
  return {
    tag: 'webhooks',
    register(app, api) {
      app.get('/webhooks', {
        schema: {
          operationId: 'listWebhooks',
          summary: 'Where events are sent, and how that goes',
          response: {
            200: {
              type: 'object',
              required: ['webhooks'],
              properties: { webhooks: { type: 'array', items: WEBHOOK } },
            },
          },
        },
        config: { scope: 'webhooks:read' },
        handler: async () => ({ webhooks: (await webhooks.list()).map(webhookJson) }),
      })
      app.post<{ Body: NewWebhook & { dry_run?: boolean } }>('/webhooks', {
        schema: {
          operationId: 'addWebhook',
          summary: 'Sends events to a URL from now on, once a person has approved it',
          body: NEW,
          response: { 200: OUTCOME, 202: OUTCOME },
        },
        config: { scope: 'webhooks:write' },
        handler: async (request, reply) => {
          const { dry_run: dryRun = false, ...webhook } = request.body
          return api.answer(reply, await webhooks.add(webhook, { actor: api.principal(request).actor, dryRun }))
        },
      })
      app.post<ByName & Dry>('/webhooks/:name/remove', {
        schema: {
          operationId: 'removeWebhook',
          summary: 'Sends no more events and forgets what waits',
          params: BY_NAME,
          body: DRY,
          response: { 200: OUTCOME, 202: OUTCOME },
        },
        config: { scope: 'webhooks:write' },
        handler: async (request, reply) => {
          const { dry_run: dryRun = false } = request.body
          const { actor } = api.principal(request)
          return api.answer(reply, await webhooks.remove(request.params.name, { actor, dryRun }))
        },
      })
      app.post<ByName & Dry>('/webhooks/:name/test', {
        schema: {
          operationId: 'testWebhook',
          summary: 'Sends a message of type `webhook.test` now; `output.problem` says why it was not taken',
          params: BY_NAME,
          body: DRY,
          response: { 200: OUTCOME, 202: OUTCOME },
        },
        config: { scope: 'webhooks:write' },
        handler: async (request, reply) => {
          const { dry_run: dryRun = false } = request.body
          const { actor } = api.principal(request)
          return api.answer(reply, await webhooks.test(request.params.name, { actor, dryRun }))
        },
      })
      app.get<ByName>('/webhooks/:name/dead', {
        schema: {
          operationId: 'listDeadLetters',
          summary: 'Messages that were given up, newest first',
          params: BY_NAME,
          response: {
            200: {
              type: 'object',
              required: ['dead_letters'],
              properties: { dead_letters: { type: 'array', items: DEAD } },
            },
          },
        },
        config: { scope: 'webhooks:read' },
        handler: async ({ params: { name } }) => ({ dead_letters: await webhooks.deadLetters(name) }),
      })
      app.post<ByName & { Body: { event?: string } }>('/webhooks/:name/replay', {
        schema: {
          operationId: 'replayWebhook',
          summary: 'Sends again what was given up',
          params: BY_NAME,
          body: REPLAY,
          response: {
            200: {
              type: 'object',
              required: ['replayed'],
              properties: { replayed: { type: 'integer' } },
              examples: [{ replayed: 3 }],
            },
          },
        },
        config: { scope: 'webhooks:write' },
        handler: async ({ params, body }) => ({ replayed: await webhooks.replay(params.name, body.event) }),
      })
    },
  }
}
