// States what a distribution is made of: sorted, without a time or a path of the machine; it compares nothing.
import { hash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { type Json, type PlanReport, readJson, readSchema } from 'cloned/kernel'
import type { Package, Packages } from './packages.js'
import { definedIn } from './provenance.js'

/** A package that is built in. The project itself has neither digest nor integrity: its files change with every edit. */
export interface LockedPackage {
  readonly name: string
  readonly version: string
  /** What the package manager recorded of the archive, where it did. */
  readonly integrity?: string
  /** `sha256-HEX` over the files that were read, and those that are copied on some machine. */
  readonly digest?: string
}

interface LockedPlugin {
  readonly id: string
  readonly version: string
  /** The package whose module defines it; several when that is not clear, `unknown` when none does. */
  readonly package: string
  readonly stability: string
  /** Slot, collection or hook → contract. */
  readonly contracts: Readonly<Record<string, number>>
}

/** Content of `cloned.lock.json` (schemas/distribution_lock.schema.json). */
export interface Lock {
  readonly format: 1
  readonly distribution: { readonly name: string; readonly version: string }
  readonly kernel: string
  readonly plugins: readonly LockedPlugin[]
  readonly owners: Readonly<Record<string, string>>
  readonly wraps: Readonly<Record<string, readonly string[]>>
  readonly guards: Readonly<Record<string, readonly string[]>>
  readonly may_allow: readonly string[]
  readonly packages: readonly LockedPackage[]
}

export interface LockRequest {
  readonly report: PlanReport
  readonly packages: Packages
  /** Directory of the project. */
  readonly project: string
  /** Every file that is built in, absolute. */
  readonly inputs: readonly string[]
  /** Every file that the result may depend on, on whatever machine it is built. Absolute. */
  readonly files: readonly string[]
}

export function makeLock({ report, packages, project, inputs, files }: LockRequest): Lock {
  const defined = definedIn(
    report.plugins.map(({ id }) => id),
    byPackage(inputs, packages),
  )
  return {
    format: 1,
    distribution: { ...report.distribution },
    kernel: report.kernel,
    plugins: report.plugins
      .map(({ id, version, stability, contracts }) => ({
        id,
        version,
        package: defined.get(id) ?? 'unknown',
        stability,
        contracts,
      }))
      .sort(by(({ id }) => id)),
    owners: sorted(report.owners),
    wraps: sorted(report.wraps),
    guards: sorted(report.requiredGuards),
    may_allow: [...report.mayAllow].sort(),
    packages: [...byPackage(new Set(files), packages)]
      .map(([home, paths]) => locked(home, paths, project))
      .sort(by(({ name, version }) => `${name}@${version}`)),
  }
}

function byPackage(paths: Iterable<string>, packages: Packages): ReadonlyMap<Package, readonly string[]> {
  const found = new Map<Package, string[]>()
  for (const path of paths) {
    const home = packages.of(path)
    const known = found.get(home)
    if (known) known.push(path)
    else found.set(home, [path])
  }
  return found
}

/** Reads a lock. Throws `FILE_INVALID` for one that is damaged or of another format. */
export function readLock(path: string): Lock | undefined {
  if (!existsSync(path)) return undefined
  return readJson(path, readSchema('distribution_lock')) as unknown as Lock
}

export function lockText(lock: Lock | Json): string {
  return `${JSON.stringify(lock, null, 2)}\n`
}

export function sha256(content: Uint8Array | string): string {
  return `sha256-${hash('sha256', content)}`
}

function locked({ name, version, dir }: Package, paths: readonly string[], project: string): LockedPackage {
  if (dir === project) return { name, version }
  const integrity = recordedIntegrity(dir)
  const lines = paths.map((path) => `${relative(dir, path).split(sep).join('/')} ${sha256(readFileSync(path))}\n`)
  return { name, version, ...(integrity ? { integrity } : {}), digest: sha256(lines.sort().join('')) }
}

/** What npm wrote down of the archive when it installed the package. */
function recordedIntegrity(dir: string): string | undefined {
  const parts = dir.split(sep)
  const at = parts.indexOf('node_modules')
  if (at < 0) return undefined
  const path = join(parts.slice(0, at + 1).join(sep), '.package-lock.json')
  if (!existsSync(path)) return undefined
  // Too large for the parsers of files that people edit; it is npm's own.
  const { packages = {} } = JSON.parse(readFileSync(path, 'utf8')) as {
    packages?: Record<string, { integrity?: string }>
  }
  return packages[parts.slice(at).join('/')]?.integrity
}

function sorted<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).sort(by(([key]) => key)))
}

/** Order by code unit: the same on every machine, whatever its language. */
export function by<T>(key: (item: T) => string): (a: T, b: T) => number {
  return (a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0)
}
