// The commands about webhooks; each change passes the gate, and no secret is ever printed.
import type { Json } from 'cloned/kernel'
import { actionResult, type Command, type CommandContext, type CommandResult } from '../cli/slot.js'
import type { Webhook, Webhooks } from './slot.js'

const NAME = { name: 'name', description: 'Name of the webhook', required: true } as const
const nameOf = ({ args }: CommandContext) => args['name'] ?? ''
const options = ({ actor, dryRun }: CommandContext) => ({ actor, dryRun })

export function webhookCommands(webhooks: Webhooks): readonly Command[] {
  return [
    {
      name: 'webhooks add',
      summary: 'Send events to a URL from now on',
      args: [NAME, { name: 'url', description: 'Where to send them', required: true }],
      options: [
        { flags: '--type <types>', description: 'Only types that begin so: approval.,run.done' },
        { flags: '--secret <name>', description: 'Sign with this secret of the vault too (v1, HMAC-SHA256)' },
      ],
      examples: [
        'cloned webhooks add chat https://hooks.example.com/cloned --type approval.',
        'cloned webhooks add ci https://ci.example.com/hook --type run.done,run.failed --secret webhook-ci',
      ],
      needs: 'workspace',
      run: (ctx) => add(webhooks, ctx),
    },
    {
      name: 'webhooks list',
      summary: 'List webhooks and how they stand, or what one has given up',
      args: [{ name: 'name', description: 'Show the dead letters of this webhook' }],
      examples: ['cloned webhooks list', 'cloned webhooks list chat'],
      needs: 'workspace',
      run: (ctx) => (ctx.args['name'] === undefined ? list(webhooks, ctx) : letters(webhooks, ctx)),
    },
    {
      name: 'webhooks test',
      summary: 'Send a message of type webhook.test now',
      args: [NAME],
      examples: ['cloned webhooks test chat'],
      needs: 'workspace',
      async run(ctx) {
        const outcome = await webhooks.test(nameOf(ctx), options(ctx))
        const result = actionResult(outcome, 'It was taken.', ctx)
        if (outcome.status !== 'done' || outcome.output.problem === undefined) return result
        return { ...result, exit: 1, text: '', problem: `It was not taken: ${ctx.printable(outcome.output.problem)}` }
      },
    },
    {
      name: 'webhooks remove',
      summary: 'Send no more events, and forget what waits',
      args: [NAME],
      examples: ['cloned webhooks remove chat'],
      needs: 'workspace',
      async run(ctx) {
        const outcome = await webhooks.remove(nameOf(ctx), options(ctx))
        return actionResult(outcome, `Removed the webhook ${ctx.printable(nameOf(ctx))}.`, ctx)
      },
    },
    {
      name: 'webhooks replay',
      summary: 'Send again what was given up',
      args: [NAME],
      options: [{ flags: '--event <id>', description: 'Only this event' }],
      examples: ['cloned webhooks replay chat', 'cloned webhooks replay chat --event 1795343400001'],
      needs: 'workspace',
      run: (ctx) => replay(webhooks, ctx),
    },
  ]
}

async function add(webhooks: Webhooks, ctx: CommandContext): Promise<CommandResult> {
  const { type, secret } = ctx.options
  if (typeof type === 'boolean') throw ctx.usageError('--type takes the beginning of a type')
  const outcome = await webhooks.add(
    {
      name: nameOf(ctx),
      url: ctx.args['url'] ?? '',
      types: type === undefined ? [] : type.split(','),
      ...(typeof secret === 'string' ? { secret } : {}),
    },
    options(ctx),
  )
  const key = outcome.status === 'done' ? outcome.output.public_key : ''
  const done = `Added. Check signatures (v1a) with ${key}`
  return actionResult(outcome, { done, meanwhile: 'Nothing is sent yet.' }, ctx)
}

async function list(webhooks: Webhooks, ctx: CommandContext): Promise<CommandResult> {
  const all = await webhooks.list()
  const rows = all.map(({ name, url, types, state, pending, dead, delivered, problem }) => [
    name,
    state,
    url,
    types.join(', '),
    `${delivered} sent, ${pending} waiting, ${dead} given up`,
    problem ?? '',
  ])
  return {
    json: { webhooks: all.map(webhookJson) },
    text:
      rows.length === 0
        ? 'There are no webhooks.'
        : ctx.table(['name', 'state', 'url', 'types', 'messages', 'last problem'], rows),
  }
}

async function letters(webhooks: Webhooks, ctx: CommandContext): Promise<CommandResult> {
  const found = await webhooks.deadLetters(nameOf(ctx))
  const rows = found.map(({ event, type, attempts, problem }) => [event, type, String(attempts), problem])
  return {
    json: { dead_letters: found as unknown as Json },
    text: rows.length === 0 ? 'Nothing was given up.' : ctx.table(['event', 'type', 'attempts', 'last problem'], rows),
  }
}

async function replay(webhooks: Webhooks, ctx: CommandContext): Promise<CommandResult> {
  const { event } = ctx.options
  if (event !== undefined && !/^\d{1,15}$/.test(String(event))) throw ctx.usageError('--event takes the id of an event')
  if (ctx.dryRun) {
    const dead = await webhooks.deadLetters(nameOf(ctx))
    return { json: { would: dead.length }, text: `Would send ${dead.length} message(s) again.` }
  }
  const count = await webhooks.replay(nameOf(ctx), typeof event === 'string' ? event : undefined)
  return { json: { replayed: count }, text: `${count} message(s) are sent again.` }
}

export function webhookJson(webhook: Webhook): Json {
  const { name, url, types, secret, publicKey, state, createdAt, pending, dead, delivered, problem } = webhook
  return {
    name,
    url,
    types,
    ...(secret === undefined ? {} : { secret }),
    public_key: publicKey,
    state,
    created_at: new Date(createdAt).toISOString(),
    pending,
    dead,
    delivered,
    ...(problem === undefined ? {} : { problem }),
  }
}
