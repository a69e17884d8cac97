// The commands that change the trust store; each asks the gate, and none writes a file of it.
import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { ClonedError } from 'cloned/kernel'
import type { Command, CommandContext } from '../../cli/slot.js'
import type { RevocationEntry } from '../documents.js'
import { publisherWish, removalWish, revocationWish, signedRevocationsWish, type Wish } from '../request.js'
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
      run: (ctx) => put(parts, ctx, readPublisher(ctx)),
    },
    {
      name: 'trust rotate',
      summary: "Ask to replace a publisher's keys by those of a newer document",
      args: [{ name: 'file', description: 'The newer publisher document', required: true }],
      examples: ['cloned trust rotate acme.json'],
      needs: 'workspace',
      async run(ctx) {
        const wish = readPublisher(ctx, 'Replace the keys of')
        if (!(await parts.state()).publishers.has(wish.target)) {
          throw new ClonedError('PUBLISHER_UNKNOWN', { publisher: wish.target })
        }
        return await put(parts, ctx, wish)
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
        return ask(parts, ctx, removalWish(id), `Removed ${id}.`)
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

function put(parts: TrustCommandParts, ctx: CommandContext, wish: Wish) {
  return ask(parts, ctx, wish, `Publisher ${wish.target} is trusted.`)
}

function readPublisher(ctx: CommandContext, verb?: string): Wish {
  const path = resolve(ctx.cwd, ctx.args['file'] ?? '')
  const text = readText(path, ctx)
  const signature = statSync(`${path}.sig`, { throwIfNoEntry: false }) ? readText(`${path}.sig`, ctx) : undefined
  return publisherWish(text, signature, path, verb)
}

function revoke(parts: TrustCommandParts, ctx: CommandContext) {
  const { kind = '', what = '' } = ctx.args
  if (kind === 'file') {
    const path = resolve(ctx.cwd, what)
    const wish = signedRevocationsWish(readText(path, ctx), readText(`${path}.sig`, ctx))
    return ask(parts, ctx, wish, 'They are in force.')
  }
  const { reason, compromisedAt } = ctx.options
  if (typeof reason !== 'string' || reason === '') throw ctx.usageError('--reason is missing: why it is revoked')
  const since = typeof compromisedAt === 'string' ? Date.parse(compromisedAt) : undefined
  if (since !== undefined && !Number.isFinite(since))
    throw ctx.usageError('--compromised-at takes a time such as 2026-01-31T00:00:00Z')
  const wish = revocationWish({ ...named(kind, what, ctx), reason }, since)
  return ask(parts, ctx, wish, `Revoked ${kind} ${ctx.printable(what)}.`)
}

/** What is revoked. */
type Named = Omit<RevocationEntry, 'reason' | 'revoked_at' | 'effective' | 'compromised_at'>

function named(kind: string, what: string, ctx: CommandContext): Named {
  switch (kind) {
    case 'key':
      return { kind, kid: what }
    case 'publisher':
      return { kind, publisher_id: what }
    case 'tool':
      return { kind, id: what }
    case 'digest':
      if (!HEX.test(what)) throw ctx.usageError('a digest is 64 hex digits, as `cloned connectors show` has it')
      return { kind, digest: what }
    case 'package': {
      const [id = '', range] = what.split(/@(.*)/s)
      return { kind, id, ...(range === undefined || range === '' ? {} : { range }) }
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
