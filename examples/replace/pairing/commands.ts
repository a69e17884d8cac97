// Lets a person enter the key of a device, which then waits; whether it is let in is decided elsewhere.
import { compileSchema, type JsonObject } from 'cloned/kernel'
import type { Scope } from 'cloned/plugins/api'
import type { Command } from 'cloned/plugins/cli'
import { approveInput } from 'cloned/plugins/pairing'
import type { Devices } from './devices.js'

const { name: NAME, scopes: SCOPES } = approveInput['properties'] as { name: JsonObject; scopes: JsonObject }

export function addCommand(devices: Pick<Devices, 'add'>): Command {
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
      const wish = { name: args['name'] ?? '', scopes: String(options['scopes'] ?? '').split(',') as Scope[] }
      const problems = [...compileSchema(NAME)(wish.name), ...compileSchema(SCOPES)(wish.scopes)]
      if (problems.length > 0) throw usageError('it takes a name and --scopes such as tools:read,tools:call')
      if (dryRun) return { json: { would: 'add' }, text: 'Would enter the key.' }
      const { id, code, state } = await devices.add({ ...wish, key: String(options['key'] ?? '') })
      return { json: { id, code, state }, text: printable(`${id} waits. Its screen must show ${code}`) }
    },
  }
}
