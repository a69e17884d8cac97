// Finds the package that a file belongs to and what its package.json says about being built; judges nothing.
import { existsSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { ClonedError, readJson } from 'cloned/kernel'

/** What `"cloned"` in a package.json may say, so that the package can be built into a distribution. */
interface Carried {
  /** Module → files or directories that it opens by `import.meta.url`; they are copied when the module is built in. */
  readonly files?: Readonly<Record<string, readonly string[]>>
  /** Module → modules that it starts as threads or processes by `import.meta.url`. */
  readonly threads?: Readonly<Record<string, readonly string[]>>
  /** Modules that only build things: no build has them. */
  readonly builders?: readonly string[]
  /** Dependencies with native addons: copied, with what they depend on, instead of bundled. */
  readonly native?: readonly string[]
  /** Of those, what Node may have in their place: a member of `process.versions`, and the first version that serves. */
  readonly instead?: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** Modules that list plugins: what a distribution leaves out of such a list is not built in. */
  readonly lists?: readonly string[]
}

interface Manifest {
  readonly name?: string
  readonly version?: string
  readonly license?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>
  readonly cloned?: Carried
}

/** An installed package, or the project that is built. */
export interface Package {
  readonly name: string
  readonly version: string
  readonly license: string
  readonly dir: string
  /** Where its files lie in a build, `/`-separated. */
  readonly place: string
  readonly dependencies: readonly string[]
  /** Packages that it does without. */
  readonly optional: ReadonlySet<string>
  readonly carried: Carried
}

/** The packages of one build. `project` stands for files that are in no package with a name and a version. */
export class Packages {
  readonly #project: string
  readonly #known = new Map<string, Package | undefined>()

  constructor(project: string) {
    this.#project = project
  }

  /** The package of a file: that of the nearest package.json with a name and a version. */
  of(file: string): Package {
    for (let dir = dirname(file); ; dir = dirname(dir)) {
      const found = this.#at(dir)
      if (found) return found
      if (dir === dirname(dir)) return this.#unnamed()
    }
  }

  /** A file as a build and its lock name it: `packages/NAME@VERSION/path`. */
  placeOf(file: string): string {
    const { dir, place } = this.of(file)
    return `${place}/${relative(dir, file).split(sep).join('/')}`
  }

  #at(dir: string): Package | undefined {
    if (this.#known.has(dir)) return this.#known.get(dir)
    const path = join(dir, 'package.json')
    const manifest = existsSync(path) ? (readJson(path) as Manifest) : {}
    const { name, version } = manifest
    const found = name && version ? describe(dir, name, version, manifest) : undefined
    this.#known.set(dir, found)
    return found
  }

  #unnamed(): Package {
    return describe(this.#project, 'project', '0.0.0', {})
  }
}

/** What a registry takes: each becomes a directory of a build. */
const NAME = /^(?:@[\w~-][\w.~-]*\/)?[\w~-][\w.~-]*$/
const VERSION = /^[\w.+-]+$/

/** Throws `BUILD_FAILED` for a name that could lead out of the directory it is put into. */
function mustBeNames(dir: string, names: readonly string[], version: string): void {
  const wrong = names.find((name) => !NAME.test(name)) ?? (VERSION.test(version) ? undefined : version)
  if (wrong === undefined) return
  throw new ClonedError('BUILD_FAILED', { problems: `${join(dir, 'package.json')} names ${JSON.stringify(wrong)}` })
}

/** The name of the package in an import specifier. */
export function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

function describe(dir: string, name: string, version: string, manifest: Manifest): Package {
  const { license, dependencies = {}, peerDependenciesMeta = {}, cloned = {} } = manifest
  mustBeNames(dir, [name, ...Object.keys(dependencies)], version)
  return {
    name,
    version,
    license: typeof license === 'string' ? license : '',
    dir,
    place: `packages/${name}@${version}`,
    dependencies: Object.keys(dependencies),
    optional: new Set(Object.keys(peerDependenciesMeta).filter((peer) => peerDependenciesMeta[peer]?.optional)),
    carried: cloned,
  }
}
