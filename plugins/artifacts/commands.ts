// Shows artifacts to people on the command line and says whether they are what they claim to be; reads only.
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { ClonedError, describeThrown, type Json } from 'cloned/kernel'
import type { Command, CommandContext } from '../cli/slot.js'
import { verificationJson } from './render.js'
import type { ArtifactManifest, Artifacts } from './slot.js'

const ID = {
  name: 'id',
  description: 'Id of the artifact, as `cloned artifacts list` shows it',
  required: true,
} as const

/** The commands `artifacts list`, `show` and `verify`. */
export function artifactCommands(artifacts: Artifacts): readonly Command[] {
  return [
    {
      name: 'artifacts list',
      summary: 'List saved artifacts, newest first',
      examples: ['cloned artifacts list', 'cloned artifacts list --json'],
      needs: 'workspace',
      async run(ctx) {
        const manifests = await artifacts.list()
        return { json: { artifacts: manifests.map(jsonOf) }, text: listText(manifests, ctx) }
      },
    },
    {
      name: 'artifacts show',
      summary: 'Show where an artifact came from, and whether it is intact',
      args: [ID],
      examples: ['cloned artifacts show art_0f3a52c7d1e94b6880aa41c2'],
      needs: 'workspace',
      async run(ctx) {
        const { manifest, path, intact } = await found(artifacts, ctx)
        return {
          exit: intact ? 0 : 5,
          json: { manifest: jsonOf(manifest), path, intact },
          text: shown(manifest, path, intact, ctx),
        }
      },
    },
    {
      name: 'artifacts verify',
      summary: 'Check signature, content and audit records of an artifact',
      args: [{ name: 'artifact', description: 'Id of an artifact, or directory of an exported one', required: true }],
      options: [{ flags: '--key <file>', description: 'PEM file of the public key that must have signed it' }],
      examples: [
        'cloned artifacts verify art_0f3a52c7d1e94b6880aa41c2',
        'cloned artifacts verify ./handed-over --key ./their-key.pem',
      ],
      needs: 'workspace',
      run: (ctx) => verify(artifacts, ctx),
    },
  ]
}

/** The artifact that a command names. Throws `ARTIFACT_UNKNOWN`. */
export async function found(artifacts: Artifacts, { args }: CommandContext) {
  const id = args['id'] ?? ''
  const artifact = await artifacts.get(id)
  if (!artifact) throw new ClonedError('ARTIFACT_UNKNOWN', { artifact: id })
  return artifact
}

async function verify(artifacts: Artifacts, ctx: CommandContext) {
  const { args, options, cwd, paint, table } = ctx
  const named = args['artifact'] ?? ''
  const file = options['key']
  const pem = typeof file === 'string' ? await keyFile(resolve(cwd, file)) : undefined
  const { manifest, path, checks } = await artifacts.verify(named.startsWith('art_') ? named : resolve(cwd, named), pem)
  const failed = checks.some(({ ok }) => ok === false)
  const words = (ok: boolean | undefined) =>
    ok ? paint.green('ok') : ok === false ? paint.red('FAILED') : paint.yellow('not checked')
  return {
    exit: failed ? (5 as const) : (0 as const),
    json: { path, ...verificationJson({ manifest, checks }) },
    text: table(
      [manifest.id, '', ''],
      checks.map(({ name, ok, detail }) => [name, words(ok), detail]),
    ),
  }
}

async function keyFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new ClonedError('ARTIFACT_KEY', { problem: describeThrown(cause) }, { cause })
  }
}

function shown(
  { provenance, ...manifest }: ArtifactManifest,
  path: string,
  intact: boolean,
  { paint, printable, table }: CommandContext,
): string {
  const rows = [
    ['content', path],
    ['intact', intact ? 'yes' : 'NO: it is not what was saved'],
    ['sha256', manifest.sha256],
    ['size', `${manifest.size} bytes, ${manifest.media_type}`],
    ['saved', `${manifest.created_at} by ${manifest.created_by}, call ${manifest.call_id}`],
    ...Object.entries(provenance).map(([key, value]) => [key, wordValue(value)]),
    ...manifest.packages.map(({ id, version, digest }) => ['package', `${id} ${version}, sha256 ${digest}`]),
    ...manifest.sources.map(({ uri, sha256 }) => ['source', `${uri}, sha256 ${sha256}`]),
  ]
  const head = `${paint.bold(printable(manifest.filename))}  ${manifest.id}`
  const lines = rows.map(
    ([name = '', value = '']) => `  ${printable(name).padEnd(15)} ${coloured(name, printable(value))}`,
  )
  const calls = manifest.calls.map(({ seq, tool, status, call_id: call }) => [String(seq), tool, status, call])
  return [head, ...lines, '', table(['record', 'call of', 'ended', 'id'], calls)].join('\n')

  function coloured(name: string, value: string): string {
    return name === 'intact' ? (intact ? paint.green(value) : paint.red(value)) : value
  }
}

function listText(manifests: readonly ArtifactManifest[], { table }: CommandContext): string {
  if (manifests.length === 0) return 'There are no artifacts.'
  const rows = manifests.map(({ id, filename, size, created_at, created_by }) => [
    id,
    filename,
    `${size} B`,
    created_at,
    created_by,
  ])
  return table(['id', 'file', 'size', 'saved at', 'by'], rows)
}

function jsonOf(manifest: ArtifactManifest): Json {
  return { ...manifest } as unknown as Json
}

function wordValue(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
