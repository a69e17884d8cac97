// Builds a distribution: bundles it, plans what was bundled, and holds it against its lock before anything is written.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { ClonedError, KERNEL_VERSION, type PlanReport, type Plugin } from 'cloned/kernel'
import { type Bundle, bundle } from './bundle.js'
import { loadBundler } from './bundler.js'
import { carriedFiles, nativeFiles } from './carry.js'
import { differences } from './compare.js'
import { entryText } from './generate.js'
import { type Lock, lockText, makeLock, readLock } from './lock.js'
import { checkOut, replaceWith, writeAll } from './output.js'
import { Packages } from './packages.js'
import { planned } from './planned.js'
import type { Source } from './source.js'
import { packBuild, type Written, writeBuild, writeSources } from './write.js'

export interface BuildOptions {
  readonly source: Source
  /** Directory of the result, or its file. Absolute. */
  readonly out: string
  /** The result is one file, which unpacks itself for who runs it. Not with `noBundle`. */
  readonly singleFile?: boolean
  /** Accepts whatever is installed. */
  readonly updateLock?: boolean
  /** Writes the generated modules and the lock only; they run inside the project, and nothing checks its packages. */
  readonly noBundle?: boolean
  /** Leaves native addons out. A result with a store then needs a Node whose own SQLite serves. */
  readonly noAddons?: boolean
}

export interface Built extends Written {
  readonly lock: Lock
  /** Whether `cloned.lock.json` was written. */
  readonly lockWritten: boolean
  /** The result has a program, main.js. */
  readonly cli: boolean
  readonly remarks: readonly string[]
}

/** The slot that makes a distribution a program. */
const CLI = 'cloned.cli'

/** Throws `BUILD_…`, `BUILDER_MISSING`, `PLAN_FAILED`, and `FILE_INVALID` for a damaged lock; then nothing has changed. */
export async function build(options: BuildOptions): Promise<Built> {
  const { source, out, updateLock = false, noBundle = false, noAddons = false, singleFile = false } = options
  const { project, lockFile } = source
  checkOut(out)
  if (noBundle && relative(project, out).startsWith('..'))
    throw new ClonedError('BUILD_OUTSIDE', { path: out, project })
  const known = readLock(lockFile)
  const bundler = await loadBundler(project)
  const packages = new Packages(project)
  const make = (cli: boolean, more: { readonly draft?: Bundle; readonly leftOut?: readonly Plugin[] } = {}) =>
    bundle({
      ...{ bundler, packages, project, name: source.name },
      own: fileURLToPath(new URL('.', import.meta.url)),
      entry: entryText({ ...source.imports(project, 'bundler'), cli }),
      // One file holds what runs, and nothing to be looked at beside it.
      maps: !singleFile,
      ...more,
    })
  const whole = await make(false)
  const { report, remarks, leftOut } = await planned(whole, packages, source)
  const cli = Object.hasOwn(report.owners, CLI)
  const draft = leftOut.length === 0 ? whole : await make(false, { leftOut })
  if (draft !== whole) mustBeSame(report, (await planned(draft, packages, source)).report)
  const made = await make(cli, { draft, leftOut })
  const carried = carriedFiles(made.inputs, packages).map(({ path }) => path)
  const files = [...made.read, ...carried, ...nativeFiles(made.native, packages)]
  const lock = makeLock({ report, packages, project, inputs: made.inputs, files })
  checkKernel(lock)
  const changed = known ? differences(known, lock) : []
  if (changed.length > 0 && !updateLock) {
    throw new ClonedError('BUILD_LOCK_MISMATCH', {
      file: lockFile,
      problems: changed.map((line) => `  ${line}`).join('\n'),
    })
  }
  const said = [...made.remarks, ...remarks]
  const parts = { bundler, packages, source, made, lock, cli, noAddons, remarks: said }
  const written = await replaceWith(out, async (to) => {
    const stage = singleFile ? `${to}.d` : to
    mkdirSync(stage)
    if (!singleFile) return noBundle ? writeSources(stage, parts, out) : writeBuild(stage, parts)
    const { text, ...packed } = await packBuild(stage, parts)
    writeFileSync(to, text, { mode: 0o755 })
    return packed
  })
  const lockWritten = known === undefined || changed.length > 0
  if (lockWritten) writeAll(dirname(lockFile), new Map([['cloned.lock.json', lockText(lock)]]))
  return { lock, lockWritten, cli, remarks: said, ...written }
}

/** What was taken out of a list of plugins must not be missed by those that stay. */
function mustBeSame({ problems: _, warnings: __, ...before }: PlanReport, after: PlanReport): void {
  const { problems: ___, warnings: ____, ...now } = after
  if (isDeepStrictEqual(before, now)) return
  throw new ClonedError('BUILD_FAILED', {
    problems: 'without the plugins that it leaves out it is another distribution',
  })
}

/** A kernel that a package brought along is not the one whose rules this plan was checked by. */
function checkKernel({ packages }: Lock): void {
  const other = packages.find(({ name, version }) => name === 'cloned' && version !== KERNEL_VERSION)
  if (other) throw new ClonedError('BUILD_KERNEL', { own: KERNEL_VERSION, found: other.version })
}
