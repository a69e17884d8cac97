// Copies what cannot be bundled: declared files, and packages with native addons; it invents nothing that was not declared.
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative, sep } from 'node:path'
import { ClonedError } from 'cloned/kernel'
import type { Package, Packages } from './packages.js'

/** What a package needs to run; sources, headers and docs stay behind. */
const RUNS = /\.(?:[cm]?js|json|node|wasm)$|(?:^|\/)licen[cs]e[^/]*$/i
/** What is installed inside a package for itself is copied as a package. */
const NESTED = /(?:^|\/)node_modules\//
const PREBUILT = /(?:^|\/)prebuilds\/([^/]+)\//
/** Of two C libraries this process runs on one, and an addon for the other is of no use. */
const OTHER_LIBC = isMusl() ? /\bglibc\.node$/ : /\bmusl\.node$/

interface Carried {
  readonly path: string
  /** Where it lies in a build, `/`-separated. */
  readonly place: string
}

/** The files that the modules among `inputs` open. Throws `BUILD_FAILED` for one that is not in its package. */
export function carriedFiles(inputs: readonly string[], packages: Packages): readonly Carried[] {
  return inputs.flatMap((input) => {
    const home = packages.of(input)
    const files = home.carried.files?.[relative(home.dir, input).split(sep).join('/')]
    // It says that the files are modules, and whose.
    return files ? ['package.json', ...files].flatMap((file) => declared(home, file)) : []
  })
}

function declared(home: Package, file: string): Carried[] {
  const from = join(home.dir, file)
  const says = (what: string) => {
    const problems = `package ${home.name} says that it carries "${file}", and ${what}`
    return new ClonedError('BUILD_FAILED', { problems })
  }
  if (isOutside(home.dir, from) || !existsSync(from)) throw says('has no such file')
  const paths = statSync(from).isDirectory() ? filesIn(from).map((name) => join(from, name)) : [from]
  return paths
    .filter((path) => !path.endsWith('.tsbuildinfo'))
    .map((path) => {
      if (isOutside(realpathSync(home.dir), realpathSync(path)))
        throw says('it is a link that leads out of the package')
      return { path, place: `${home.place}/${relative(home.dir, path).split(sep).join('/')}` }
    })
}

function isOutside(dir: string, path: string): boolean {
  return relative(dir, path).split(sep)[0] === '..'
}

/** Copies what {@link carriedFiles} finds, each to its place. */
export function carryFiles(inputs: readonly string[], packages: Packages, out: string): void {
  for (const { path, place } of carriedFiles(inputs, packages)) copy(path, join(out, place))
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true })
  writeFileSync(to, readFileSync(from))
}

/** Copies packages with what they depend on into `out/node_modules`, their addons for `platforms` only. */
export function carryNative(
  native: ReadonlyMap<string, string>,
  packages: Packages,
  { out, platforms }: { readonly out: string; readonly platforms: readonly string[] },
): readonly Package[] {
  const all = nativePackages(native, packages)
  for (const [name, { dir }] of all) {
    for (const file of runningFiles(dir)) {
      const built = PREBUILT.exec(file)?.[1]
      if (OTHER_LIBC.test(file) || (built !== undefined && !platforms.includes(built))) continue
      copy(join(dir, file), join(out, 'node_modules', name, file))
    }
  }
  return [...all.values()].map(({ found }) => found)
}

/** Every file that {@link carryNative} may copy, whatever the platform. */
export function nativeFiles(native: ReadonlyMap<string, string>, packages: Packages): readonly string[] {
  return [...nativePackages(native, packages).values()].flatMap(({ dir }) =>
    runningFiles(dir).map((file) => join(dir, file)),
  )
}

function runningFiles(dir: string): readonly string[] {
  return filesIn(dir).filter((file) => !NESTED.test(file) && RUNS.test(file))
}

interface NativePackage {
  readonly dir: string
  readonly found: Package
}

/** Packages with what they depend on, by name. Throws `BUILD_FAILED` for two versions of one. */
function nativePackages(native: ReadonlyMap<string, string>, packages: Packages): ReadonlyMap<string, NativePackage> {
  const all = new Map<string, NativePackage>()
  const add = (name: string, dir: string) => {
    const found = packages.of(join(dir, 'package.json'))
    const twin = all.get(name)?.found
    if (twin && twin.version !== found.version) {
      const problems = `native packages need ${name} ${twin.version} and ${found.version}, and there is room for one`
      throw new ClonedError('BUILD_FAILED', { problems })
    }
    if (twin) return
    all.set(name, { dir, found })
    for (const dependency of found.dependencies) {
      const at = directoryOf(dependency, dir)
      if (at !== undefined) add(dependency, at)
    }
  }
  for (const [name, dir] of native) add(name, dir)
  return all
}

/** Files below a directory, `/`-separated, sorted. */
export function filesIn(dir: string): readonly string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(dir, path), { throwIfNoEntry: false })?.isFile())
    .map((path) => path.split(sep).join('/'))
    .sort()
}

/** As node-gyp-build tells it, which chooses among them later. */
function isMusl(): boolean {
  return process.platform === 'linux' && existsSync('/etc/alpine-release')
}

/** Where a dependency is installed, seen from a directory. */
function directoryOf(name: string, from: string): string | undefined {
  const places = createRequire(join(from, 'package.json')).resolve.paths(name) ?? []
  return places.map((place) => join(place, name)).find((dir) => existsSync(join(dir, 'package.json')))
}
