// The command `trust root`: shows the root of trust, or asks for another mode, key or root.
import { resolve } from 'node:path'
import type { Json } from 'cloned/kernel'
import type { Command, CommandContext, CommandResult } from '../../cli/slot.js'
import { type RootWish, rootWish } from '../request.js'
import { readText } from './change.js'
import { ask, type TrustCommandParts } from './parts.js'

const ACTIONS = ['mode', 'rotate', 'renew', 'from', 'restore'] as const

export function rootCommand(parts: TrustCommandParts): Command {
  return {
    name: 'trust root',
    summary: 'Show the root of trust, or ask for another mode, key or root',
    options: [
      { flags: '--mode <mode>', description: 'strict, or dev: warn where strict refuses' },
      { flags: '--rotate', description: 'Give the root a new key and sign everything again' },
      { flags: '--renew', description: 'Sign the revocations again, for another year' },
      { flags: '--from <file>', description: 'Take the root of an organisation; FILE.sig lies beside it' },
      { flags: '--restore', description: 'Write the approved files anew' },
    ],
    examples: ['cloned trust root', 'cloned trust root --mode strict', 'cloned trust root --renew'],
    needs: 'workspace',
    async run(ctx) {
      const given = ACTIONS.filter((name) => ctx.options[name] !== undefined && ctx.options[name] !== false)
      if (given.length > 1) throw ctx.usageError(`--${given.join(' and --')} do not go together`)
      const [action] = given
      if (action === undefined) return await show(parts)
      if (action === 'restore') return await restore(parts, ctx)
      const { wish, done } = wanted(action, ctx)
      return await ask(parts, ctx, rootWish(wish), done)
    },
  }
}

function wanted(
  action: Exclude<(typeof ACTIONS)[number], 'restore'>,
  ctx: CommandContext,
): { wish: RootWish; done: string } {
  switch (action) {
    case 'mode': {
      const mode = ctx.options['mode']
      if (mode !== 'dev' && mode !== 'strict') throw ctx.usageError('--mode takes dev or strict')
      return { wish: { mode }, done: `The trust mode is ${mode}.` }
    }
    case 'rotate':
      return { wish: { rotate: true }, done: 'The root has a new key.' }
    case 'renew':
      return { wish: { renew: true }, done: 'The revocations are renewed.' }
    default: {
      const where = resolve(ctx.cwd, String(ctx.options['from']))
      const wish = { content: readText(where, ctx), signature: readText(`${where}.sig`, ctx), where }
      return { wish, done: 'The root of trust is in force.' }
    }
  }
}

async function show({ state }: TrustCommandParts): Promise<CommandResult> {
  const { root, revocations } = await state()
  if (!root) {
    return {
      json: { root: null },
      text: 'There is no root of trust yet. The first publisher makes one: cloned trust add FILE',
    }
  }
  return {
    json: {
      root,
      revocations: revocations ? { version: revocations.version, expires: revocations.expires } : null,
    } as unknown as Json,
    text: [
      `version  ${root.version}, issued ${root.issued_at}`,
      `mode     ${root.mode}`,
      `keys     ${root.threshold} of ${root.keys.map(({ kid }) => kid).join(', ')}`,
      `revoked  ${revocations ? `list ${revocations.version}, counts until ${revocations.expires}` : 'no list'}`,
    ].join('\n'),
  }
}

async function restore(parts: TrustCommandParts, ctx: CommandContext): Promise<CommandResult> {
  const state = await parts.state()
  const drifted = parts.drift(state)
  const json = { drifted: drifted ?? null, restored: drifted !== undefined && !ctx.dryRun }
  if (drifted === undefined) return { json, text: 'The files are as approved.' }
  if (ctx.dryRun)
    return { json, text: `Would write the approved files anew; ${ctx.printable(drifted)} is not as approved.` }
  parts.restore(state)
  return { json, text: 'The files are as approved again.' }
}
