// The commands that show what the vault holds: names, scopes and health; they have no way to a value.
import { ClonedError, describeThrown, isClonedError } from 'cloned/kernel'
import type { Command } from '../../cli/slot.js'
import { infoJson, iso, type VaultCommandParts } from './parts.js'

export function lookCommands({ vault, chosen }: VaultCommandParts): readonly Command[] {
  return [
    {
      name: 'vault status',
      summary: 'Say where the secrets are and whether they can be used',
      examples: ['cloned vault status', 'cloned vault status --json'],
      needs: 'workspace',
      async run({ printable, paint }) {
        const provider = chosen()
        try {
          const { where } = await vault.describe()
          const { ok, detail, help } = await vault.health()
          const lines = [`${provider}: ${printable(where)}`, ok ? printable(detail) : paint.red(printable(detail))]
          return {
            exit: ok ? 0 : 6,
            json: { provider, where, ok, detail, ...(help === undefined ? {} : { help }) },
            text: [...lines, ...(help === undefined ? [] : [printable(help)])].join('\n'),
          }
        } catch (error) {
          const detail = describeThrown(error)
          const help = isClonedError(error) ? error.help : 'cloned doctor'
          const text = `${provider}: ${paint.red(printable(detail))}\n${printable(help)}`
          return { exit: 6, json: { provider, ok: false, detail, help }, text }
        }
      },
    },
    {
      name: 'vault list',
      summary: 'List the secrets by name, with where each may go',
      examples: ['cloned vault list', 'cloned vault list --json'],
      needs: 'workspace',
      async run({ table }) {
        const all = await vault.list()
        const rows = all.map(({ name, version, state, scope }) => [
          name,
          version,
          state,
          scope.hosts.join(' '),
          scope.tools.join(' '),
          scope.slots.join(' '),
        ])
        const text =
          all.length === 0
            ? 'No secrets. Store one: cloned vault set NAME --host … --tool … --slot …'
            : table(['name', 'version', 'state', 'hosts', 'tools', 'slots'], rows)
        return { json: { secrets: all.map(infoJson) }, text }
      },
    },
    {
      name: 'vault show',
      summary: 'Show everything about a secret but its value',
      args: [{ name: 'name', description: 'Name of the secret', required: true }],
      examples: ['cloned vault show github'],
      needs: 'workspace',
      async run({ args, printable }) {
        const name = args['name'] ?? ''
        const info = await vault.info(name)
        if (!info) throw new ClonedError('VAULT_UNKNOWN', { name })
        const lines = [
          `${info.name}  version ${info.version || '?'}  ${info.state}`,
          `hosts  ${info.scope.hosts.join(', ')}`,
          `tools  ${info.scope.tools.join(', ')}`,
          `slots  ${info.scope.slots.join(', ')}`,
          ...(info.createdAt === undefined ? [] : [`made   ${iso(info.createdAt)}`]),
          ...(info.rotatedAt === undefined ? [] : [`given  ${iso(info.rotatedAt)}`]),
          ...(info.expiresAt === undefined ? [] : [`ends   ${iso(info.expiresAt)}`]),
        ]
        return { json: infoJson(info), text: lines.map((line) => printable(line)).join('\n') }
      },
    },
  ]
}
