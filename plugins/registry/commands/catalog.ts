// The commands about catalogs: what there is, what is newer than what is installed, and making an index of one.
import { resolve } from 'node:path'
import { type Json, readPrivateFile } from 'cloned/kernel'
import { actionResult, type Command, type CommandContext, type CommandResult, type ExitCode } from '../../cli/slot.js'
import { isRemote, NotFetched } from '../catalog/catalog.js'
import { makeIndex } from '../catalog/make.js'
import { fetchOffer, matching, newerJson, newerThan, type Offer, offeredArchive, offersOf } from '../catalog/offers.js'
import type { Family } from '../family.js'
import { mustFind } from '../request.js'
import { installArchive } from './install-archive.js'
import type { CatalogCommandParts } from './parts.js'

export const CATALOG = {
  flags: '--catalog <where>',
  description: 'A directory or URL, instead of those that are configured',
}

export function catalogCommands(parts: CatalogCommandParts): readonly Command[] {
  return [
    {
      name: 'connectors search',
      summary: 'Search the catalogs',
      args: [{ name: 'word', description: 'Part of an id, a title, a tool or a capability; everything when absent' }],
      options: [CATALOG],
      examples: ['cloned connectors search weather', 'cloned connectors search --catalog ./catalog'],
      needs: 'workspace',
      run: (ctx) => fetching(ctx, () => search(parts, ctx)),
    },
    {
      name: 'connectors outdated',
      summary: 'List installed connectors of which a catalog has a newer version',
      options: [CATALOG],
      examples: ['cloned connectors outdated'],
      needs: 'workspace',
      run: (ctx) => fetching(ctx, () => outdated(parts, ctx)),
    },
    {
      name: 'connectors update',
      summary: 'Ask to install the newest version of a connector from a catalog',
      args: [{ name: 'id', description: 'Id of the connector; every one that is outdated when absent' }],
      options: [CATALOG],
      examples: ['cloned connectors update acme.weather'],
      needs: 'workspace',
      run: (ctx) => fetching(ctx, () => update(parts, ctx)),
    },
    {
      name: 'connectors index',
      summary: 'Make the signed index of a catalog, a directory with packages/<id>/<version>/*.tgz',
      args: [{ name: 'dir', description: 'Directory of the catalog', required: true }],
      options: [
        { flags: '--key <file>', description: 'Private key with use "catalog", an Ed25519 key in PKCS #8 PEM' },
        { flags: '--days <n>', description: 'How long the index counts (default: 30)' },
      ],
      examples: ['cloned connectors index ./catalog --key catalog.pem'],
      needs: 'nothing',
      run: (ctx) => index(parts, ctx),
    },
  ]
}

async function search(parts: CatalogCommandParts, ctx: CommandContext): Promise<CommandResult> {
  const found = matching(await offered(parts, ctx), ctx.args['word'] ?? '')
  const present = new Map((await parts.registry.list()).map(({ id, version }) => [id, version]))
  const rows = found.map(({ id, version, publisher_id, title, tools, capabilities }) => {
    const here = present.get(id) ?? ''
    return [id, version, publisher_id, here, String(tools.length), capabilities.join(' '), title].map((text) =>
      ctx.printable(text),
    )
  })
  const head = ['connector', 'version', 'publisher', 'installed', 'tools', 'capabilities', '']
  const text = found.length === 0 ? 'Nothing found.' : ctx.table(head, rows)
  return { json: { packages: found as unknown as Json }, text }
}

async function outdated(parts: CatalogCommandParts, ctx: CommandContext): Promise<CommandResult> {
  const found = await newer(parts, ctx)
  const rows = found.map(({ installed, offer }) => [offer.id, installed, offer.version])
  const text = found.length === 0 ? 'Nothing is outdated.' : ctx.table(['connector', 'installed', 'offered'], rows)
  return { json: { outdated: found.map(newerJson) }, text }
}

async function update(parts: CatalogCommandParts, ctx: CommandContext): Promise<CommandResult> {
  const id = ctx.args['id']
  if (id !== undefined) await mustFind(parts.registry, id)
  const wanted = (await newer(parts, ctx)).filter(({ offer }) => id === undefined || offer.id === id)
  if (wanted.length === 0) return { json: { updates: [] }, text: 'Nothing is outdated.' }
  const results: CommandResult[] = []
  for (const { offer } of wanted) {
    results.push(await installArchive(parts, ctx, await fetchOffer(parts.catalog, ctx, offer)))
  }
  const problems = results.flatMap(({ problem }) => (problem === undefined ? [] : [problem]))
  return {
    exit: Math.max(...results.map(({ exit = 0 }) => exit)) as ExitCode,
    json: { updates: results.map(({ json = null }) => json) },
    text: results.flatMap(({ text }) => (text === '' ? [] : [text])).join('\n'),
    ...(problems.length > 0 ? { problem: problems.join('\n') } : {}),
  }
}

/** The package that a catalog has under this id, the newest or the version after `@`. */
export async function fromCatalog(
  parts: CatalogCommandParts,
  ctx: CommandContext,
  name: string,
  family?: Family,
): Promise<CommandResult> {
  return await installArchive(
    parts,
    ctx,
    await offeredArchive(parts.catalog, ctx, await offered(parts, ctx), name),
    family,
  )
}

async function newer(parts: CatalogCommandParts, ctx: CommandContext) {
  return newerThan(await parts.registry.list(), await offered(parts, ctx))
}

async function offered(parts: CatalogCommandParts, ctx: CommandContext): Promise<readonly Offer[]> {
  const given = ctx.options['catalog']
  const locations = typeof given === 'string' ? [isRemote(given) ? given : resolve(ctx.cwd, given)] : parts.locations()
  if (locations.length === 0) throw ctx.usageError('no catalog is configured; name one with --catalog')
  return await offersOf(parts.catalog, ctx, locations)
}

/** What waits or was denied ends the command the way a governed action does. */
export async function fetching(ctx: CommandContext, run: () => Promise<CommandResult>): Promise<CommandResult> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof NotFetched)) throw error
    const result = actionResult(error.outcome, '', ctx)
    return error.outcome.status === 'pending'
      ? { ...result, problem: `${result.problem}\nThen repeat this command.` }
      : result
  }
}

async function index(parts: CatalogCommandParts, ctx: CommandContext): Promise<CommandResult> {
  const { key, days = '30' } = ctx.options
  if (typeof key !== 'string') throw ctx.usageError('--key is missing: the file with the private key')
  const count = Number(days)
  if (!Number.isInteger(count) || count < 1 || count > 3650) throw ctx.usageError('--days takes a number of days')
  const directory = resolve(ctx.cwd, ctx.args['dir'] ?? '')
  if (ctx.dryRun) return { json: { dry_run: true, directory }, text: `Would make the index of ${directory}.` }
  const pem = readPrivateFile(resolve(ctx.cwd, key), { maxBytes: 64 * 1024 })
  if (!pem) throw ctx.usageError(`there is no file ${key}`)
  const made = await makeIndex(parts, directory, { pem: pem.toString('utf8'), now: parts.now(), days: count })
  const text = `Index ${made.version} with ${made.packages.length} packages, until ${made.expires}.`
  return { json: { version: made.version, packages: made.packages.length, expires: made.expires }, text }
}
