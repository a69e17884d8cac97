// The commands that store and change secrets; every change goes through the gate, and no value is ever printed.
import { actionResult, type Command, type CommandContext } from '../../cli/slot.js'
import { type VaultCommandParts, writeOptions } from './parts.js'
import { readValue } from './read-value.js'

const NAME = { name: 'name', description: 'Name of the secret', required: true } as const
const FROM = {
  flags: '--from-file <file>',
  description: 'Read the value from a file, or from standard input with "-"; by default a prompt, or the pipe',
} as const

export function secretCommands({ vault }: VaultCommandParts): readonly Command[] {
  const nameOf = ({ args }: CommandContext) => args['name'] ?? ''
  return [
    {
      name: 'vault set',
      summary: 'Store a secret and say where it may go',
      args: [NAME],
      discreet: true,
      options: [
        FROM,
        {
          flags: '--host <hosts>',
          description: 'Hosts it may be sent to, with commas between: api.example.com,*.example.org',
        },
        { flags: '--tool <tools>', description: 'Tools that may use it, with commas between; "*" for a part of an id' },
        {
          flags: '--slot <slots>',
          description: 'Where in a request it may stand: header:authorization, query:key, json:/token',
        },
      ],
      examples: [
        'cloned vault set github --host api.github.com --tool "acme.github.*" --slot header:authorization',
        'pass show github | cloned vault set github --host api.github.com --tool "acme.github.*" --slot header:authorization',
      ],
      needs: 'workspace',
      async run(ctx) {
        const scope = { hosts: listOf(ctx, 'host'), tools: listOf(ctx, 'tool'), slots: listOf(ctx, 'slot') }
        const value = await readValue(ctx, `the value of ${nameOf(ctx)}`)
        const outcome = await vault.put(nameOf(ctx), value, scope, writeOptions(ctx))
        return actionResult(outcome, `Stored ${nameOf(ctx)}.`, ctx)
      },
    },
    {
      name: 'vault rotate',
      summary: 'Give a secret a new value and leave where it may go',
      args: [NAME],
      discreet: true,
      options: [FROM],
      examples: ['cloned vault rotate github', 'cloned vault rotate github --from-file token.txt'],
      needs: 'workspace',
      async run(ctx) {
        const value = await readValue(ctx, `the new value of ${nameOf(ctx)}`)
        const outcome = await vault.rotate(nameOf(ctx), value, writeOptions(ctx))
        return actionResult(outcome, `Gave ${nameOf(ctx)} a new value.`, ctx)
      },
    },
    {
      name: 'vault disable',
      summary: 'Keep a secret but let nothing use it',
      args: [NAME],
      examples: ['cloned vault disable github'],
      needs: 'workspace',
      run: async (ctx) =>
        actionResult(await vault.disable(nameOf(ctx), writeOptions(ctx)), `Disabled ${nameOf(ctx)}.`, ctx),
    },
    {
      name: 'vault rm',
      summary: 'Remove a secret with all its versions',
      args: [NAME],
      examples: ['cloned vault rm github', 'cloned vault rm github --yes'],
      needs: 'workspace',
      async run(ctx) {
        const sure = ctx.dryRun || !ctx.interactive || (await ctx.confirm(`Remove ${nameOf(ctx)} for good?`))
        if (!sure) return { exit: 1, json: { removed: false }, text: 'Nothing was removed.' }
        return actionResult(await vault.remove(nameOf(ctx), writeOptions(ctx)), `Removed ${nameOf(ctx)}.`, ctx)
      },
    },
  ]
}

function listOf(ctx: CommandContext, option: string): readonly string[] {
  const given = ctx.options[option]
  if (typeof given !== 'string') throw ctx.usageError(`--${option} is missing: say where the secret may go`)
  return given
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}
