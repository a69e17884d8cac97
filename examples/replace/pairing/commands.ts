// Offers devices on the command line: enter a key, look, let in, take out; whoever is let in is a person's decision.
import { ClonedError, compileSchema, type Gate, type JsonObject } from 'cloned/kernel'
import type { Scope } from 'cloned/plugins/api'
import { actionResult, type Command, type CommandContext } from 'cloned/plugins/cli'
import { approveInput, type Device, isCode, pairingApprove, pairingRevoke } from 'cloned/plugins/pairing'
import type { Devices } from './devices.js'

const { name: NAME, scopes: SCOPES } = approveInput['properties'] as { name: JsonObject; scopes: JsonObject }

export function pairingCommands(devices: Devices, gate: Pick<Gate, 'act'>): readonly Command[] {
  const request = (target: string, title: string, { actor }: CommandContext) => ({
    target,
    about: { title },
    ...(actor ? { actor } : {}),
  })
  return [
    {
      name: 'pairings add',
      summary: 'Enter the key of a device, which then waits to be let in',
      args: [{ name: 'name', description: 'What the device is called', required: true }],
      options: [
        { flags: '--key <x>', description: 'Its Ed25519 public key: 32 bytes, base64url' },
        { flags: '--scopes <list>', description: 'What it asks to do, with commas' },
      ],
      examples: ['cloned pairings add Phone --key 11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo --scopes tools:read'],
      needs: 'workspace',
      async run({ args, options, dryRun, printable, usageError }) {
        const wish = { name: args['name'] ?? '', scopes: String(options['scopes'] ?? '').split(',') as Scope[] }
        const problems = [...compileSchema(NAME)(wish.name), ...compileSchema(SCOPES)(wish.scopes)]
        if (problems.length > 0) throw usageError('it takes a name and --scopes such as tools:read,tools:call')
        if (dryRun) return { json: { would: 'add' }, text: 'Would enter the key.' }
        const device = await devices.add({ ...wish, key: String(options['key'] ?? '') })
        return { json: jsonOf(device), text: printable(`${device.id} waits. Its screen must show ${device.code}`) }
      },
    },
    {
      name: 'pairings list',
      summary: 'List devices, newest first',
      examples: ['cloned pairings list'],
      needs: 'workspace',
      async run({ table }) {
        const all = await devices.list()
        const rows = all.map(({ id, name, state, code, scopes }) => [id, name, state, code, scopes.join(' ')])
        return { json: { pairings: all.map(jsonOf) }, text: table(['device', 'name', 'state', 'code', 'scopes'], rows) }
      },
    },
    {
      name: 'pairings approve',
      summary: 'Ask to let in the device whose screen shows this code',
      args: [{ name: 'code', description: 'As the screen of the device shows it', required: true }],
      examples: ['cloned pairings approve K3V7-Q2M4'],
      needs: 'workspace',
      async run(ctx) {
        const typed = ctx.args['code'] ?? ''
        const device = (await devices.list()).find(({ state, code }) => state === 'pending' && isCode(typed, code))
        if (!device) throw new ClonedError('PAIRING_CODE', {})
        const { id, name, thumbprint, scopes, code } = device
        const input = { id, name, thumbprint, scopes, code }
        const asked = { ...request(id, `Pair the device "${name}"`, ctx), input }
        const { dryRun, signal, printable } = ctx
        return actionResult(
          await gate.act(pairingApprove, asked, { dryRun, signal }),
          printable(`Paired ${name}.`),
          ctx,
        )
      },
    },
    {
      name: 'pairings revoke',
      summary: 'Take every right from a device at once, for good',
      args: [{ name: 'device', description: 'Its id', required: true }],
      examples: ['cloned pairings revoke dev_k3v7q2m4x5zt'],
      needs: 'workspace',
      async run(ctx) {
        const id = ctx.args['device'] ?? ''
        const device = await devices.get(id)
        if (!device) throw new ClonedError('PAIRING_UNKNOWN', { device: id })
        const asked = { ...request(id, `Revoke the device "${device.name}"`, ctx), input: { id } }
        const { dryRun, signal, printable } = ctx
        const outcome = await gate.act(pairingRevoke, asked, { dryRun, signal })
        return actionResult(outcome, printable(`Revoked ${device.name}.`), ctx)
      },
    },
  ]
}

function jsonOf(device: Device): JsonObject {
  return { ...device, scopes: [...device.scopes] }
}
