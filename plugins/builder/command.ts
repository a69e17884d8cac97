// The command `build`: a distribution as one directory that runs; the building itself is loaded when it is asked for.
import { basename, relative, resolve } from 'node:path'
import { ClonedError } from 'cloned/kernel'
import type { Command, CommandContext, CommandResult } from '../cli/slot.js'
import type { Built } from './build.js'

const DEFAULT_FILE = 'distribution.js'
const DEFAULT_OUT = 'build'
const DEFAULT_SINGLE = 'build.mjs'

export const buildCommand: Command = {
  name: 'build',
  summary: 'Build a distribution into one directory that runs',
  args: [
    {
      name: 'file',
      description: `Module whose default export is the distribution (default: ${DEFAULT_FILE}); with --with, packages`,
      many: true,
    },
  ],
  options: [
    { flags: '--with', description: 'Build the default distribution with the plugins of the packages that are named' },
    {
      flags: '--out <path>',
      description: `Directory of the result, or its file (default: ${DEFAULT_OUT} or ${DEFAULT_SINGLE})`,
    },
    { flags: '--single-file', description: 'Build one file, which unpacks itself where it is run' },
    { flags: '--update-lock', description: 'Accept what is installed, and write cloned.lock.json' },
    { flags: '--no-bundle', description: 'Write the generated modules and the lock only' },
    { flags: '--no-addons', description: 'Leave native addons out: the result needs a Node whose own SQLite serves' },
  ],
  examples: [
    'cloned build distribution.js --out build',
    'cloned build --with cloned-plugin-acme-kms',
    'cloned build --single-file --out acme-agent.mjs',
  ],
  needs: 'nothing',
  async run(ctx) {
    const [singleFile, noBundle] = [ctx.options['singleFile'] === true, ctx.options['noBundle'] === true]
    if (singleFile && noBundle) throw ctx.usageError('--single-file is a bundle: leave --no-bundle out')
    const out = resolve(ctx.cwd, text(ctx, 'out') ?? (singleFile ? DEFAULT_SINGLE : DEFAULT_OUT))
    // First of all: in a build it is absent, and the rest with it.
    const { build } = await loadBuilder()
    const source = await sourceOf(ctx)
    ctx.progress(`Building ${source.name} …`)
    const built = await build({
      source,
      out,
      updateLock: ctx.options['updateLock'] === true,
      noBundle,
      singleFile,
      noAddons: ctx.options['noAddons'] === true,
    })
    const main = singleFile ? out : resolve(out, built.cli ? 'main.js' : 'index.js')
    return result(ctx, { built, out, main, lockFile: source.lockFile })
  },
}

async function loadBuilder(): Promise<typeof import('./build.js')> {
  try {
    return await import('./build.js')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause
    throw new ClonedError('BUILD_IN_BUILD', { what: 'build others', command: 'build' }, { cause })
  }
}

async function sourceOf(ctx: CommandContext) {
  const { fileSource, packagesSource } = await import('./source.js')
  if (ctx.options['with'] === true) {
    if (ctx.rest.length === 0) throw ctx.usageError('--with needs the name of a package')
    return packagesSource(ctx.rest, ctx.cwd)
  }
  const [file = DEFAULT_FILE, ...more] = ctx.rest
  if (more.length > 0) throw ctx.usageError('there is one file to build')
  return fileSource(resolve(ctx.cwd, file), file)
}

function result(
  ctx: CommandContext,
  {
    built,
    out,
    main,
    lockFile,
  }: { readonly built: Built; readonly out: string; readonly main: string; readonly lockFile: string },
): CommandResult {
  const { lock, files, bytes, digest, cli, remarks, lockWritten } = built
  const { name, version } = lock.distribution
  const lines = [
    `Built ${name} ${version}: ${lock.plugins.length} plugins of ${lock.packages.length} packages, ${files} files, ${size(bytes)}`,
    `${cli ? 'Run it:    node' : 'Import it:'} ${relative(ctx.cwd, main)}`,
    `Vouched for by ${out === main ? basename(out) : 'index.js'}: ${digest}`,
    ...(lockWritten ? [`Wrote ${relative(ctx.cwd, lockFile)}: keep it with the distribution`] : []),
    ...remarks.map((remark) => `Note: ${remark}`),
  ]
  return {
    json: {
      distribution: { name, version },
      out,
      program: cli ? main : null,
      plugins: lock.plugins.length,
      packages: lock.packages.length,
      files,
      bytes,
      digest,
      lock: lockFile,
      lock_written: lockWritten,
      remarks: [...remarks],
    },
    text: lines.map((line) => ctx.printable(line)).join('\n'),
  }
}

function size(bytes: number): string {
  return bytes < 1024 * 1024 ? `${Math.ceil(bytes / 1024)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}

function text(ctx: CommandContext, option: string): string | undefined {
  const value = ctx.options[option]
  return typeof value === 'string' ? value : undefined
}
