// Lets a person enter the key of a device, which then waits; whether it is let in is decided elsewhere.
import { type AuditLog, ClonedError, compileSchema } from 'cloned/kernel'
import type { Scope } from 'cloned/plugins/api'
import type { Command } from 'cloned/plugins/cli'
import { approveInput, type Devices, deviceKey, newDevice } from 'cloned/plugins/pairing'

export interface AddParts {
  readonly devices: Pick<Devices, 'enrol'>
  readonly audit: Pick<AuditLog, 'append'>
  readonly now: () => number
}

export function addCommand({ devices, audit, now }: AddParts): Command {
  const problemsOf = compileSchema(approveInput)
  return {
    name: 'pairings add',
    summary: 'Enter the key of a device, which then waits to be let in',
    args: [{ name: 'name', description: 'What the device is called', required: true }],
    options: [
      { flags: '--key <x>', description: 'Its Ed25519 public key: 32 bytes, base64url' },
      { flags: '--scopes <list>', description: 'What it asks to do, with commas' },
    ],
    examples: ['cloned pairings add Phone --key=11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo --scopes tools:read'],
    needs: 'workspace',
    async run({ args, options, dryRun, printable, usageError }) {
      const { thumbprint = '' } = deviceKey(String(options['key'] ?? '')) ?? {}
      const wish = {
        name: args['name'] ?? '',
        scopes: String(options['scopes'] ?? '').split(',') as Scope[],
        thumbprint,
      }
      const device = newDevice(wish, now())
      const { id, code, state, createdAt } = device
      if (problemsOf({ id, code, ...wish }).length > 0)
        throw usageError('it takes a name, a sound --key, and --scopes such as tools:read,tools:call')
      if (dryRun) return { json: { would: 'add' }, text: 'Would enter the key.' }
      await audit.append({ type: 'pairing.requested', ts: new Date(createdAt).toISOString(), device: id, ...wish })
      if (!(await devices.enrol(device)))
        throw new ClonedError('PAIRING_REFUSED', { problem: 'this key belongs to a device that was here before' })
      return { json: { id, code, state }, text: printable(`${id} waits. Its screen must show ${code}`) }
    },
  }
}
