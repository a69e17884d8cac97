// The commands of whoever makes packages: a key, a package, a signature; they need no workspace and trust nothing.
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { ClonedError, type Json, readPrivateFile, writeFileAtomic } from 'cloned/kernel'
import type { Command, CommandContext, CommandResult } from '../../cli/slot.js'
import { type ManifestDraft, NO_DRAFT } from '../../package/slot.js'
import { CONNECTORS, type Family, SKILLS } from '../family.js'
import { readArchive } from '../incoming.js'
import { keyCommand } from './key.js'
import type { ConnectorCommandParts } from './parts.js'

export function makeCommands(parts: ConnectorCommandParts): readonly Command[] {
  return [
    keyCommand(parts),
    packCommand(parts, CONNECTORS),
    packCommand(parts, SKILLS),
    {
      name: 'connectors sign',
      summary: 'Add a signature to a package',
      args: [{ name: 'file', description: 'The package', required: true }],
      options: [{ flags: '--key <file>', description: 'Private key, an Ed25519 key in PKCS #8 PEM' }],
      examples: ['cloned connectors sign acme.weather-1.0.0.tgz --key acme.pem'],
      needs: 'nothing',
      run: (ctx) => sign(parts, ctx),
    },
  ]
}

function packCommand(parts: ConnectorCommandParts, { name, one }: Family): Command {
  return {
    name: `${name} pack`,
    summary: `Make an unsigned package of the directory of a ${one}`,
    args: [{ name: 'dir', description: 'The directory; the current one when absent' }],
    options: [{ flags: '--out <file>', description: 'Where to write it; <id>-<version>.tgz when absent' }],
    examples: [`cloned ${name} pack`, `cloned ${name} pack ./weather --out weather.tgz`],
    needs: 'nothing',
    run: (ctx) => pack(parts, ctx),
  }
}

async function pack({ packages, sources, now }: ConnectorCommandParts, ctx: CommandContext): Promise<CommandResult> {
  const directory = resolve(ctx.cwd, ctx.args['dir'] ?? '.')
  if (!existsSync(directory)) throw ctx.usageError(`there is no directory ${directory}`)
  const draft = packages.draft(directory) ?? (await describedBy(sources(), directory))
  if (!draft) throw new ClonedError('CONNECTOR_SOURCE', { path: directory, problem: NO_DRAFT })
  const { archive, manifest, digest } = packages.pack(directory, draft, new Date(now()).toISOString())
  const { out } = ctx.options
  const file = resolve(ctx.cwd, typeof out === 'string' ? out : `${manifest.id}-${manifest.version}.tgz`)
  const json = {
    file,
    id: manifest.id,
    version: manifest.version,
    package_digest: digest,
    files: manifest.files.length,
  }
  const what = `${ctx.printable(manifest.id)} ${manifest.version}, ${manifest.files.length} files, digest ${digest}`
  if (ctx.dryRun) return { json, text: `Would pack ${what}.` }
  writeFileAtomic(file, archive, { mode: 0o644 })
  return { json, text: `Packed ${what}.\nNext: cloned connectors sign ${file} --key FILE` }
}

async function describedBy(
  sources: ReturnType<ConnectorCommandParts['sources']>,
  directory: string,
): Promise<ManifestDraft | undefined> {
  for (const source of sources) {
    const draft = await source.describe(directory)
    if (draft) return draft
  }
  return undefined
}

async function sign({ packages, trust }: ConnectorCommandParts, ctx: CommandContext): Promise<CommandResult> {
  const { key } = ctx.options
  if (typeof key !== 'string') throw ctx.usageError('--key is missing: the file with the private key')
  const file = resolve(ctx.cwd, ctx.args['file'] ?? '')
  const archive = readArchive(file, packages.maxBytes)
  const head = await packages.head(archive)
  // Whoever signs a package should see it refused, not whoever installs it.
  packages.check(archive, head, packages.manifest(head.manifest))
  const pem = readPrivateFile(resolve(ctx.cwd, key), { maxBytes: 64 * 1024 })
  if (!pem) throw ctx.usageError(`there is no file ${key}`)
  const existing = head.signature ? { existing: head.signature } : {}
  const { kid, signature } = trust.sign(head.manifest, { type: 'package', pem: pem.toString('utf8'), ...existing })
  const json: Json = { file, kid, package_digest: head.digest }
  if (ctx.dryRun) return { json, text: `Would sign ${file} with key ${kid}.` }
  writeFileAtomic(file, await packages.withSignature(archive, signature), { mode: 0o644 })
  return { json, text: `Signed ${file} with key ${kid}.\nDigest: ${head.digest}` }
}
