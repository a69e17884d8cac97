// The commands about the vault as a whole: its provider, the ways to open it, its export; each change passes the gate.
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { ClonedError, canonical, type Json, sha256 } from 'cloned/kernel'
import { actionResult, type Command, type CommandContext, type CommandResult } from '../../cli/slot.js'
import { type VaultCommandParts, writeOptions } from './parts.js'
import { readValue } from './read-value.js'

export function manageCommands(parts: VaultCommandParts): readonly Command[] {
  return [
    {
      name: 'vault provider',
      summary: 'Show the providers, or put the vault section of .cloned/config.yaml in force',
      options: [{ flags: '--adopt', description: 'Put the section in force as it stands' }],
      examples: ['cloned vault provider', 'cloned vault provider --adopt'],
      needs: 'workspace',
      run: (ctx) => (ctx.options['adopt'] === true ? adopt(parts, ctx) : showProviders(parts, ctx)),
    },
    {
      name: 'vault slots',
      summary: 'Show, add or remove the ways to open the vault',
      options: [
        { flags: '--add <type>', description: 'Add a key slot: keyfile, scrypt, argon2id, keychain or age' },
        { flags: '--recipient <recipient>', description: 'Recipient of an age slot: age1…' },
        { flags: '--remove <id>', description: 'Remove a key slot' },
        {
          flags: '--from-file <file>',
          description: 'Read the passphrase from a file, or from standard input with "-"',
        },
      ],
      examples: [
        'cloned vault slots',
        'cloned vault slots --add scrypt',
        'cloned vault slots --remove 2f9c01d4a7b85e36',
      ],
      needs: 'workspace',
      run: (ctx) => slots(parts, ctx),
    },
    {
      name: 'vault accept',
      summary: 'Take a vault file that was put back on purpose for the newest',
      examples: ['cloned vault accept'],
      needs: 'workspace',
      async run(ctx) {
        const title = 'Take the vault file as it stands for the newest, although an older or another one was put back'
        const outcome = await parts.writes.ask({ op: 'accept', name: '' }, { title }, writeOptions(ctx))
        return actionResult(outcome, 'The vault file as it stands is the newest now.', ctx)
      },
    },
    {
      name: 'vault export',
      summary: 'Write every secret with its value into a file for one age key',
      options: [
        { flags: '--age <recipient>', description: 'Who can read it: age1…' },
        { flags: '--out <file>', description: 'Where to write it; standard output when absent' },
      ],
      examples: ['cloned vault export --age age1… --out secrets.age'],
      needs: 'workspace',
      run: (ctx) => exportAge(parts, ctx),
    },
  ]
}

async function showProviders(
  { providers, chosen, section, adopted }: VaultCommandParts,
  ctx: CommandContext,
): Promise<CommandResult> {
  const current = chosen()
  const inForce = section() === undefined || (await adopted())
  const all = providers().map(({ name, summary }) => ({ name, summary, current: name === current }))
  const text = ctx.table(
    ['', 'name', 'what it is'],
    all.map(({ name, summary, current }) => [current ? '*' : '', name, summary]),
  )
  const problem = new ClonedError('VAULT_CONFIG_FOREIGN', {})
  return {
    json: { providers: all, in_force: inForce },
    text,
    ...(inForce ? {} : { problem: `${problem.message}\n${problem.help}` }),
  }
}

async function adopt({ writes, section, adopted }: VaultCommandParts, ctx: CommandContext): Promise<CommandResult> {
  const found: Json = section() ?? null
  if (found === null || (await adopted())) {
    return { json: { status: 'in force' }, text: 'The vault section of .cloned/config.yaml is in force already.' }
  }
  const about = { title: 'Keep the secrets of this workspace as .cloned/config.yaml says', section: found }
  const asked = { op: 'adopt', name: '', digest: sha256(canonical(found)) } as const
  const outcome = await writes.ask(asked, about, writeOptions(ctx))
  return actionResult(outcome, 'The vault section of .cloned/config.yaml is in force.', ctx)
}

async function slots({ writes, opened }: VaultCommandParts, ctx: CommandContext): Promise<CommandResult> {
  const { add, remove, recipient } = ctx.options
  if (add !== undefined && remove !== undefined) throw ctx.usageError('--add and --remove do not go together')
  const { name, provider } = await opened()
  const { keySlots } = provider
  if (!keySlots) throw new ClonedError('VAULT_UNSUPPORTED', { provider: name, what: 'be opened by key slots' })
  if (typeof remove === 'string') {
    const outcome = await writes.ask(
      { op: 'slot.remove', name: remove },
      { title: `Remove key slot ${remove}` },
      writeOptions(ctx),
    )
    return actionResult(outcome, `Removed key slot ${remove}.`, ctx)
  }
  if (typeof add === 'string') {
    if (!keySlots.types.includes(add)) throw ctx.usageError(`--add takes ${keySlots.types.join(', ')}`)
    if ((add === 'age') !== (typeof recipient === 'string'))
      throw ctx.usageError('--recipient and --add age go together')
    const secret = keySlots.secretTypes.includes(add) ? await readValue(ctx, 'the passphrase') : undefined
    const asked = {
      op: 'slot.add',
      name: '',
      type: add,
      ...(typeof recipient === 'string' ? { recipient } : {}),
    } as const
    const outcome = await writes.ask(asked, { title: `Add a key slot of type ${add}` }, writeOptions(ctx), secret)
    return actionResult(outcome, `Added a key slot of type ${add}.`, ctx)
  }
  const all = await keySlots.list()
  const rows = all.map(({ id, type, detail, usable }) => [id, type, usable ? 'opens here' : '', detail])
  return {
    json: { slots: all as unknown as Json },
    text: rows.length === 0 ? 'No key slots yet; the first secret makes one.' : ctx.table(['id', 'type', '', ''], rows),
  }
}

async function exportAge({ writes }: VaultCommandParts, ctx: CommandContext): Promise<CommandResult> {
  const { age, out } = ctx.options
  if (typeof age !== 'string') throw ctx.usageError('--age is missing: the recipient who can read the export')
  const title = `Export every secret of the vault to ${age}`
  const outcome = await writes.ask({ op: 'export', name: '', recipient: age }, { title }, writeOptions(ctx))
  if (outcome.status !== 'done') return actionResult(outcome, '', ctx)
  const text = outcome.output.text ?? ''
  if (typeof out !== 'string') return { json: { age: text }, text }
  const path = resolve(ctx.cwd, out)
  writeFileSync(path, text, { mode: 0o600, flag: 'wx' })
  return { json: { path }, text: `Wrote ${path}. Open it: age -d -i KEY ${path}` }
}
