// Builds a distribution: bundles it, plans what was bundled, and holds it against its lock before anything is written.
import { dirname, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ClonedError, KERNEL_VERSION } from 'cloned/kernel'
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
import { type Written, writeBuild, writeSources } from './write.js'

export interface BuildOptions {
  readonly source: Source
  /** Directory of the result. Absolute. */
  readonly out: string
  /** Accepts whatever is installed. */
  readonly updateLock?: boolean
  /** Writes the generated modules and the lock only; they run inside the project, and nothing checks its packages. */
  readonly noBundle?: boolean
  /** Leaves native addons out. A result with a store then needs Node 22.13, whose own SQLite serves. */
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
  const { source, out, updateLock = false, noBundle = false, noAddons = false } = options
  const { project, lockFile } = source
  checkOut(out)
  if (noBundle && relative(project, out).startsWith('..'))
    throw new ClonedError('BUILD_OUTSIDE', { path: out, project })
  const known = readLock(lockFile)
  const bundler = await loadBundler(project)
  const packages = new Packages(project)
  const make = (cli: boolean, draft?: Bundle) =>
    bundle({
      bundler,
      packages,
      project,
      own: fileURLToPath(new URL('.', import.meta.url)),
      entry: entryText({ ...source.imports(project), cli }),
      ...(draft ? { draft } : {}),
    })
  const draft = await make(false)
  const { report, remarks } = await planned(draft, packages, source)
  const cli = Object.hasOwn(report.owners, CLI)
  const made = await make(cli, draft)
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
  const written = await replaceWith(out, (stage) =>
    noBundle ? writeSources(stage, parts, out) : writeBuild(stage, parts),
  )
  const lockWritten = known === undefined || changed.length > 0
  if (lockWritten) writeAll(dirname(lockFile), new Map([['cloned.lock.json', lockText(lock)]]))
  return { lock, lockWritten, cli, remarks: said, ...written }
}

/** A kernel that a package brought along is not the one whose rules this plan was checked by. */
function checkKernel({ packages }: Lock): void {
  const other = packages.find(({ name, version }) => name === 'cloned' && version !== KERNEL_VERSION)
  if (other) throw new ClonedError('BUILD_KERNEL', { own: KERNEL_VERSION, found: other.version })
}
