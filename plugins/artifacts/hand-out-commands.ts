// Hands artifacts out of the store, to a program or a directory; one that is not intact, or could run, never leaves it.
import { spawn } from 'node:child_process'
import type { KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { constants, copyFile, mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { ClonedError, describeThrown } from 'cloned/kernel'
import type { Command, CommandContext, CommandResult } from '../cli/slot.js'
import { bundleOf, type FindKey } from './bundle-file.js'
import { found } from './commands.js'
import { knownType } from './filename.js'
import { MANIFEST } from './save.js'
import type { ArtifactManifest, Artifacts } from './slot.js'

const ID = {
  name: 'id',
  description: 'Id of the artifact, as `cloned artifacts list` shows it',
  required: true,
} as const
// What a desktop shows and does not run. HTML and SVG hold programs, and they would run as a local page.
const SAFE_TO_OPEN = /^(text\/(plain|markdown|csv)(;.*)?|application\/(json|yaml|pdf)|image\/(png|jpeg|gif|webp))$/

/** The commands `artifacts open` and `export`. */
export function handOutCommands(artifacts: Artifacts, keyOf: FindKey): readonly Command[] {
  return [
    {
      name: 'artifacts open',
      summary: 'Open the content of an artifact in its program; print its path where nobody sits',
      args: [ID],
      examples: ['cloned artifacts open art_0f3a52c7d1e94b6880aa41c2'],
      needs: 'workspace',
      run: (ctx) => openArtifact(artifacts, ctx),
    },
    {
      name: 'artifacts export',
      summary: 'Copy an artifact with its manifest and public key into a new directory',
      args: [ID],
      options: [{ flags: '--to <directory>', description: 'The directory to make' }],
      examples: ['cloned artifacts export art_0f3a52c7d1e94b6880aa41c2 --to ./handed-over'],
      needs: 'workspace',
      run: (ctx) => exportArtifact(artifacts, keyOf, ctx),
    },
  ]
}

async function intact(artifacts: Artifacts, ctx: CommandContext) {
  const artifact = await found(artifacts, ctx)
  if (!artifact.intact) throw new ClonedError('ARTIFACT_DAMAGED', { artifact: artifact.manifest.id })
  return artifact
}

async function openArtifact(artifacts: Artifacts, ctx: CommandContext): Promise<CommandResult> {
  const { manifest, path } = await intact(artifacts, ctx)
  const type = knownType(manifest.filename) ?? ''
  const opens = ctx.interactive && !ctx.dryRun && SAFE_TO_OPEN.test(type)
  const opened = opens && (await openInProgram(path))
  return { json: { artifact: manifest.id, path, opened }, text: path }
}

/** Whether the desktop took it. */
async function openInProgram(path: string): Promise<boolean> {
  const [program, ...args] =
    process.platform === 'darwin' ? ['open'] : process.platform === 'win32' ? ['explorer.exe'] : ['xdg-open']
  const child = spawn(program ?? '', [...args, path], { stdio: 'ignore', detached: true })
  try {
    await once(child, 'spawn')
  } catch {
    // No such program: the path is printed, and that is all there is to open.
    return false
  }
  child.unref()
  return true
}

async function exportArtifact(artifacts: Artifacts, keyOf: FindKey, ctx: CommandContext): Promise<CommandResult> {
  const to = ctx.options['to']
  if (typeof to !== 'string' || to === '') throw ctx.usageError('--to needs a directory to make')
  const { manifest, path } = await intact(artifacts, ctx)
  const from = dirname(dirname(path))
  const directory = resolve(ctx.cwd, to)
  const { kid, key } = await bundleOf({ manifest, path }, keyOf)
  if (!ctx.dryRun) await copyOut(from, directory, key, manifest)
  return {
    json: { artifact: manifest.id, directory, key: kid },
    text: [
      `${ctx.dryRun ? 'Would export' : 'Exported'} ${ctx.printable(manifest.filename)} to ${ctx.printable(directory)}`,
      `Signed by key ${kid}. Whoever gets it must know this key from you, not from the directory.`,
    ].join('\n'),
  }
}

async function copyOut(
  from: string,
  directory: string,
  key: KeyObject,
  { id: artifact, filename }: ArtifactManifest,
): Promise<void> {
  try {
    await mkdir(directory, { mode: 0o700 })
  } catch (cause) {
    throw new ClonedError('ARTIFACT_EXPORT', { artifact, directory, cause: describeThrown(cause) }, { cause })
  }
  try {
    await mkdir(join(directory, 'content'), { mode: 0o700 })
    for (const file of [MANIFEST, join('content', filename)]) {
      await copyFile(join(from, file), join(directory, file), constants.COPYFILE_EXCL)
    }
    await writeFile(join(directory, 'key.pem'), key.export({ format: 'pem', type: 'spki' }), {
      flag: 'wx',
      mode: 0o444,
    })
  } catch (cause) {
    await rm(directory, { recursive: true, force: true })
    throw new ClonedError('ARTIFACT_EXPORT', { artifact, directory, cause: describeThrown(cause) }, { cause })
  }
}
