// Shows artifacts to people on the command line; reads only.
import { ClonedError, type Json } from 'cloned/kernel'
import type { Command, CommandContext } from '../cli/slot.js'
import type { ArtifactManifest, Artifacts } from './slot.js'

/** The commands `artifacts list` and `artifacts show`. */
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
      args: [{ name: 'id', description: 'Id of the artifact, as `cloned artifacts list` shows it', required: true }],
      examples: ['cloned artifacts show art_0f3a52c7d1e94b6880aa41c2'],
      needs: 'workspace',
      async run({ args, paint }) {
        const id = args['id'] ?? ''
        const found = await artifacts.get(id)
        if (!found) throw new ClonedError('ARTIFACT_UNKNOWN', { artifact: id })
        const { manifest, path, intact } = found
        return {
          exit: intact ? 0 : 5,
          json: { manifest: jsonOf(manifest), path, intact },
          text: [
            `${paint.bold(manifest.filename)}  ${manifest.id}`,
            `  content     ${path}`,
            `  intact      ${intact ? paint.green('yes') : paint.red('NO: the content is not what was saved')}`,
            `  sha256      ${manifest.sha256}`,
            `  size        ${manifest.size} bytes, ${manifest.media_type}`,
            `  saved       ${manifest.created_at} by ${manifest.created_by}, call ${manifest.call_id}`,
            ...Object.entries(manifest.provenance).map(([key, value]) => `  ${key.padEnd(11)} ${wordValue(value)}`),
          ].join('\n'),
        }
      },
    },
  ]
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
  return { ...manifest }
}

function wordValue(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
