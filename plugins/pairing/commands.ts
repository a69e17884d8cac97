// The commands about devices: `pairings list | invite | approve | revoke`; each change asks the gate.
import { ClonedError, compileSchema, type Json } from 'cloned/kernel'
import type { Scope } from '../api/slot.js'
import { actionResult, type Command, type CommandContext, type CommandResult } from '../cli/slot.js'
import type { Asking } from './ask.js'
import { isCode } from './codes.js'
import type { Invitations } from './invitations.js'
import { SCOPES } from './kinds.js'
import { deviceJson } from './render.js'
import type { Pairings } from './slot.js'

export interface DeviceCommandParts {
  readonly devices: Pairings
  readonly asking: Pick<Asking, 'approve' | 'revoke'>
  /** Shown where there is no device. */
  readonly none: string
}

interface CommandParts {
  readonly devices: Pairings
  readonly invitations: Pick<Invitations, 'prepare'>
  readonly asking: Asking
}

/** What a device can do that was invited without a word: work and look, decide nothing. */
const USUAL = 'tools:read,tools:call,runs:read,runs:write,approvals:read,artifacts:read,events:read'
const MINUTES = 10

export function pairingCommands({ devices, invitations, asking }: CommandParts): readonly Command[] {
  return [inviteCommand(invitations, asking), ...deviceCommands({ devices, asking, none: NONE })]
}

function inviteCommand(invitations: CommandParts['invitations'], asking: Pick<Asking, 'invite'>): Command {
  return {
    name: 'pairings invite',
    summary: 'Make a code with which one device can ask to be paired',
    options: [
      { flags: '--scopes <list>', description: `The most that it can ask for; ${USUAL} without` },
      { flags: '--minutes <n>', description: `How long the code is good; ${MINUTES} without, at most 1440` },
    ],
    examples: ['cloned pairings invite', 'cloned pairings invite --scopes approvals:read,approvals:decide'],
    needs: 'workspace',
    async run(ctx) {
      const { scopes, minutes } = invitationOf(ctx)
      const { code, invite } = await invitations.prepare(scopes, minutes * 60)
      const outcome = await asking.invite(invite, by(ctx))
      const text = [
        `Code: ${ctx.paint.bold(code)}   (for one device, ${minutes} min)`,
        'Type it on the device. Its screen then shows another code; compare it: cloned pairings list',
      ].join('\n')
      const result = actionResult(outcome, text, ctx)
      // A code whose invitation waits for approval is good from then on, so it is shown in any case but refusal.
      if (outcome.status === 'pending') return { ...result, text, json: { ...(result.json as object), code } as Json }
      return outcome.status === 'done' ? { ...result, json: { ...(result.json as object), code } as Json } : result
    },
  }
}

/** `pairings list | approve | revoke`, however devices come to wait. */
export function deviceCommands({ devices, asking, none }: DeviceCommandParts): readonly Command[] {
  return [
    {
      name: 'pairings list',
      summary: 'List the devices that may use the API, did, or ask to',
      examples: ['cloned pairings list', 'cloned pairings list --json'],
      needs: 'workspace',
      async run({ table }) {
        const all = await devices.list()
        const rows = all.map(({ id, name, state, scopes, code }) => [
          id,
          name,
          state,
          state === 'pending' ? code : '',
          scopes.join(' '),
        ])
        return {
          json: { pairings: all.map(deviceJson) },
          text: all.length === 0 ? none : table(['device', 'name', 'state', 'code', 'scopes'], rows),
        }
      },
    },
    {
      name: 'pairings approve',
      summary: 'Ask to let in the device whose screen shows this code',
      args: [
        { name: 'code', description: 'As the screen of the device shows it, not as the list does', required: true },
      ],
      examples: ['cloned pairings approve K3V7-Q2M4'],
      needs: 'workspace',
      async run(ctx) {
        const typed = ctx.args['code'] ?? ''
        const device = (await devices.list()).find(({ state, code }) => state === 'pending' && isCode(typed, code))
        if (!device) throw new ClonedError('PAIRING_CODE', {})
        const done = `Paired "${ctx.printable(device.name)}" (${device.id}): ${device.scopes.join(', ')}`
        return actionResult(await asking.approve(device, by(ctx)), done, ctx)
      },
    },
    {
      name: 'pairings revoke',
      summary: 'Take every right from a device at once, for good',
      args: [{ name: 'device', description: 'Its id', required: true }],
      examples: ['cloned pairings revoke dev_k3v7q2m4x5zt'],
      needs: 'workspace',
      run: async (ctx): Promise<CommandResult> => {
        const id = ctx.args['device'] ?? ''
        const device = await devices.get(id)
        if (!device) throw new ClonedError('PAIRING_UNKNOWN', { device: id })
        return actionResult(await asking.revoke(device, by(ctx)), `Revoked "${ctx.printable(device.name)}".`, ctx)
      },
    },
  ]
}

const NONE = 'No device is paired. Invite one: cloned pairings invite'

function by({ actor, dryRun, signal }: CommandContext) {
  return { actor, dryRun, signal }
}

function invitationOf({ options, usageError }: CommandContext): { scopes: readonly Scope[]; minutes: number } {
  const scopes = String(options['scopes'] ?? USUAL).split(',')
  if (compileSchema(SCOPES)(scopes).length > 0)
    throw usageError('--scopes takes different scopes, as in: --scopes tools:read,approvals:decide')
  const minutes = Number(options['minutes'] ?? MINUTES)
  if (!Number.isInteger(minutes) || minutes < 1 || minutes > 1440)
    throw usageError('--minutes takes a number from 1 to 1440')
  return { scopes: scopes as Scope[], minutes }
}
