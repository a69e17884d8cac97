// The commands that change the trust store; each asks the gate, and none writes a file of it.
import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { ClonedError } from 'cloned/kernel'
import type { Command, CommandContext } from '../../cli/slot.js'
import { type PublisherDocument, parseDocument, type RevocationEntry } from '../documents.js'
import { ask, type TrustCommandParts } from './parts.js'

const MAX_BYTES = 1024 * 1024
const HEX = /^[0-9a-f]{64}$/

export function changeCommands(parts: TrustCommandParts): readonly Command[] {
  return [
    {
      name: 'trust add',
      summary: 'Ask to trust a publisher',
      args: [
        { name: 'file', description: 'Publisher document; FILE.sig beside it counts when it is there', required: true },
      ],
      examples: ['cloned trust add acme.json'],
      needs: 'workspace',
      run: (ctx) => put(parts, ctx, 'Trust'),
    },
    {
      name: 'trust rotate',
      summary: "Ask to replace a publisher's keys by those of a newer document",
      args: [{ name: 'file', description: 'The newer publisher document', required: true }],
      examples: ['cloned trust rotate acme.json'],
      needs: 'workspace',
      async run(ctx) {
        const { publisher } = readPublisher(ctx)
        if (!(await parts.state()).publishers.has(publisher.publisher_id)) {
          throw new ClonedError('PUBLISHER_UNKNOWN', { publisher: publisher.publisher_id })
        }
        return await put(parts, ctx, 'Replace the keys of')
      },
    },
    {
      name: 'trust remove',
      summary: 'Ask to trust a publisher no longer',
      args: [{ name: 'publisher', description: 'Id of the publisher', required: true }],
      examples: ['cloned trust remove acme'],
      needs: 'workspace',
      run(ctx) {
        const id = ctx.args['publisher'] ?? ''
        const change = { op: 'publisher.remove', id } as const
        return ask(parts, ctx, { change, target: id, title: `Trust publisher ${id} no longer`, done: `Removed ${id}.` })
      },
    },
    {
      name: 'trust revoke',
      summary: 'Ask to revoke a key, a publisher, a version, a tool or a package',
      args: [
        {
          name: 'kind',
          description: 'key, publisher, package, tool or digest; or file, for signed revocations',
          required: true,
        },
        { name: 'what', description: 'Thumbprint, id, id@range, tool id, digest, or the file', required: true },
      ],
      options: [
        { flags: '--reason <text>', description: 'Why; shown wherever it stops something' },
        { flags: '--compromised-at <time>', description: 'Keep what was installed before this time (ISO 8601)' },
      ],
      examples: [
        'cloned trust revoke publisher acme --reason "key leaked"',
        'cloned trust revoke package "acme.weather@<1.4.2" --reason "sends data to a third party"',
      ],
      needs: 'workspace',
      run: (ctx) => revoke(parts, ctx),
    },
  ]
}

async function put(parts: TrustCommandParts, ctx: CommandContext, verb: string) {
  const { text, signature, publisher } = readPublisher(ctx)
  const id = publisher.publisher_id
  const change = { op: 'publisher.put', content: text, ...(signature === undefined ? {} : { signature }) } as const
  const title = `${verb} publisher ${id}`
  return await ask(parts, ctx, { change, target: id, title, done: `Publisher ${id} is trusted.` })
}

function readPublisher(ctx: CommandContext): {
  text: string
  signature: string | undefined
  publisher: PublisherDocument
} {
  const path = resolve(ctx.cwd, ctx.args['file'] ?? '')
  const text = readText(path, ctx)
  const signature = statSync(`${path}.sig`, { throwIfNoEntry: false }) ? readText(`${path}.sig`, ctx) : undefined
  return { text, signature, publisher: parseDocument('publisher', text, path) }
}

function revoke(parts: TrustCommandParts, ctx: CommandContext) {
  const { kind = '', what = '' } = ctx.args
  if (kind === 'file') {
    const path = resolve(ctx.cwd, what)
    const change = {
      op: 'revocations.put',
      content: readText(path, ctx),
      signature: readText(`${path}.sig`, ctx),
    } as const
    return ask(parts, ctx, {
      change,
      target: 'revocations',
      title: 'Take signed revocations',
      done: 'They are in force.',
    })
  }
  const { reason, compromisedAt } = ctx.options
  if (typeof reason !== 'string' || reason === '') throw ctx.usageError('--reason is missing: why it is revoked')
  const entry = entryOf(kind, what, reason, typeof compromisedAt === 'string' ? compromisedAt : undefined, ctx)
  return ask(parts, ctx, {
    change: { op: 'revoke', entry },
    target: what,
    title: `Revoke ${kind} ${what}`,
    done: `Revoked ${kind} ${ctx.printable(what)}.`,
  })
}

function entryOf(
  kind: string,
  what: string,
  reason: string,
  compromisedAt: string | undefined,
  ctx: CommandContext,
): Omit<RevocationEntry, 'revoked_at'> {
  const at = compromisedAt === undefined ? undefined : Date.parse(compromisedAt)
  if (at !== undefined && !Number.isFinite(at))
    throw ctx.usageError('--compromised-at takes a time such as 2026-01-31T00:00:00Z')
  const when =
    at === undefined
      ? ({ effective: 'always' } as const)
      : ({ effective: 'after', compromised_at: new Date(at).toISOString() } as const)
  switch (kind) {
    case 'key':
      return { kind, kid: what, reason, ...when }
    case 'publisher':
      return { kind, publisher_id: what, reason, ...when }
    case 'tool':
      return { kind, id: what, reason, ...when }
    case 'digest':
      if (!HEX.test(what)) throw ctx.usageError('a digest is 64 hex digits, as `cloned connectors show` has it')
      return { kind, digest: what, reason, ...when }
    case 'package': {
      const [id = '', range] = what.split(/@(.*)/s)
      return { kind, id, ...(range === undefined || range === '' ? {} : { range }), reason, ...when }
    }
    default:
      throw ctx.usageError('<kind> is key, publisher, package, tool, digest or file')
  }
}

export function readText(path: string, ctx: CommandContext): string {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (!stats?.isFile()) throw ctx.usageError(`there is no file ${path}`)
  if (stats.size > MAX_BYTES) throw ctx.usageError(`${path} is larger than ${MAX_BYTES} bytes`)
  return readFileSync(path, 'utf8')
}
