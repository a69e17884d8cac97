// Plans a distribution as it was bundled, so that what is judged is what will run; it sets up no plugin.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import {
  ClonedError,
  type Distribution,
  describeThrown,
  isClonedError,
  type PlanReport,
  type Plugin,
  plan,
  planFailed,
  pluginOf,
} from 'cloned/kernel'
import type { Bundle } from './bundle.js'
import { carryNative } from './carry.js'
import { writeAll } from './output.js'
import type { Packages } from './packages.js'
import type { Source } from './source.js'

/** The files of a build are modules, whatever stands above its directory. */
export const MODULES = '{ "type": "module" }\n'

/** `linux-x64` and the like: the one that this process runs on. */
export const PLATFORM = `${process.platform}-${process.arch}`

export interface Planned {
  readonly report: PlanReport
  /** Plugins that are listed and left out or replaced. */
  readonly leftOut: readonly Plugin[]
  /** What the run has to bring. */
  readonly remarks: readonly string[]
}

/** Throws `BUILD_SOURCE` for a module that does not load or exports no distribution, `PLAN_FAILED` with every problem. */
export async function planned(made: Bundle, packages: Packages, { name }: Source): Promise<Planned> {
  const place = mkdtempSync(join(tmpdir(), 'cloned-build-'))
  try {
    writeAll(place, new Map<string, Uint8Array | string>([...made.files, ['package.json', MODULES]]))
    carryNative(made.native, packages, { out: place, platforms: [PLATFORM] })
    const distribution = await exportedDistribution(join(place, 'app/entry.js'), name)
    const report = plan(distribution)
    const present = new Set(report.plugins.map(({ id }) => id))
    const [left, problems] = sorted(report.problems, configured(distribution))
    if (problems.length > 0) throw planFailed({ ...report, problems })
    const leftOut = distribution.plugins
      .flatMap((entry) => pluginOf(entry) ?? [])
      .filter(({ manifest }) => !present.has(manifest.id))
    return { report, leftOut, remarks: left.map(({ message }) => `to be configured when it runs: ${message}`) }
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
}

/** A distribution may leave the configuration of a plugin to its run; what it gives itself has to be right. */
function sorted(problems: readonly ClonedError[], given: ReadonlySet<string>): [ClonedError[], ClonedError[]] {
  const isLeft = ({ code, params }: ClonedError) =>
    code === 'CONFIG_INVALID' && !given.has(String((params as { plugin?: unknown }).plugin))
  return [problems.filter(isLeft), problems.filter((problem) => !isLeft(problem))]
}

function configured({ plugins }: Distribution): ReadonlySet<string> {
  // What is no plugin at all is a problem of the plan.
  return new Set(plugins.flatMap((entry) => (entry && 'plugin' in entry ? [entry.plugin.manifest.id] : [])))
}

async function exportedDistribution(path: string, file: string): Promise<Distribution> {
  let exported: { readonly default?: unknown }
  try {
    exported = (await import(pathToFileURL(path).href)) as typeof exported
  } catch (cause) {
    if (isClonedError(cause)) throw cause
    throw new ClonedError('BUILD_SOURCE', { file, problem: describeThrown(cause) }, { cause })
  }
  const distribution = exported.default
  if (typeof distribution === 'object' && distribution !== null && 'plugins' in distribution) {
    return distribution as Distribution
  }
  throw new ClonedError('BUILD_SOURCE', { file, problem: 'its default export is not a distribution' })
}
