// Bundles the modules of a distribution, the same bytes wherever it is done; it writes no file.
import { basename, dirname, posix, resolve } from 'node:path'
import { ClonedError } from 'cloned/kernel'
import type { BuildFailure, BuildOptions, BuildResult, Metafile } from 'esbuild'
import type { Bundler } from './bundler.js'
import { ABSENT, type ClosedRequest, closed, type Found, GENERATED } from './closed.js'
import { by } from './lock.js'
import { BANNER, COMMONJS_BANNER } from './module.js'
import type { Packages } from './packages.js'
import { reached, readFor } from './reached.js'

/** Every Node that the package supports runs the result. */
const TARGET = 'node20.19'
/** How the bundler says that a module lacks what the generated entry imports of it. */
const NO_DEFAULT = /^No matching export in .* for import "default"$/
const NO_FILE = new RegExp(`^(?:${GENERATED}|${ABSENT}):`)

export interface BundleRequest extends ClosedRequest {
  readonly bundler: Bundler
  /** What is built, as a person named it. */
  readonly name: string
  /** The bundle that the threads are taken from; without it this is one to look at, and not to ship. */
  readonly draft?: Bundle
  /** Source maps of what ships. */
  readonly maps: boolean
}

export interface Bundle {
  /** Path in the build → content. */
  readonly files: ReadonlyMap<string, Uint8Array>
  /** Every file of a package or of the project that was built in. Absolute, sorted. */
  readonly inputs: readonly string[]
  /** Every file that was read: of a module whose constants were copied into others, none is built in. Absolute, sorted. */
  readonly read: readonly string[]
  /** What the entry exports. */
  readonly exports: readonly string[]
  readonly native: ReadonlyMap<string, string>
  readonly threads: ReadonlyMap<string, string>
  /** What a reader of the build should know: code that is named at run time, files that nobody declared. */
  readonly remarks: readonly string[]
}

/** Throws `BUILD_FAILED` with every problem. */
export async function bundle(request: BundleRequest): Promise<Bundle> {
  const { project, packages, draft } = request
  const found: Found = {
    threads: new Map(),
    requiring: new Set(),
    required: new Map(),
    native: new Map(),
    remarks: new Set(),
  }
  const modules = await run(request, found, modulesOf(request))
  const entries = ['entry', ...(draft?.threads.values() ?? [])].map((name) => `app/${name}.js`)
  const outputs = reached(modules.metafile.outputs, entries)
  const required = await run(request, found, requiredOf(found, outputs))
  const metafile: Metafile = {
    inputs: { ...modules.metafile.inputs, ...required.metafile.inputs },
    outputs: { ...outputs, ...required.metafile.outputs },
  }
  const files = new Map<string, Uint8Array>()
  for (const { path, contents } of [...(modules.outputFiles ?? []), ...(required.outputFiles ?? [])]) {
    const name = `app/${basename(path)}`
    if (Object.hasOwn(metafile.outputs, name))
      files.set(name, name.endsWith('.map') ? named(contents, dirname(path), packages) : contents)
  }
  for (const [path, name] of draft?.threads ?? []) {
    const stub = packages.placeOf(path)
    const up = posix.relative(posix.dirname(stub), 'app')
    files.set(stub, Buffer.from(`import ${JSON.stringify(`${up}/${name}.js`)}\n`))
  }
  const main = Object.values(metafile.outputs).find(({ entryPoint }) => entryPoint?.startsWith(GENERATED))
  return {
    files,
    inputs: paths(used(metafile), project),
    read: paths(readFor(metafile.inputs, metafile.outputs), project),
    exports: [...(main?.exports ?? [])].sort(),
    native: new Map([...found.native].filter(([name]) => isReferred(metafile.outputs, `../node_modules/${name}/`))),
    threads: found.threads,
    remarks: [...found.remarks].sort(),
  }
}

function paths(names: Iterable<string>, project: string): readonly string[] {
  return [...names]
    .filter((name) => !NO_FILE.test(name))
    .map((name) => resolve(project, name))
    .sort()
}

/** Modules of which something was left, when nobody used the rest. */
function used({ outputs }: Metafile): ReadonlySet<string> {
  const kept = Object.values(outputs).flatMap(({ inputs }) => Object.entries(inputs))
  return new Set(kept.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([name]) => name))
}

function isReferred(outputs: Metafile['outputs'], prefix: string): boolean {
  return Object.values(outputs).some(({ imports }) => imports.some(({ path }) => path.startsWith(prefix)))
}

type Bundled = BuildResult & { readonly metafile: Metafile }

/** The entry and the threads, in chunks that they share. */
function modulesOf({ draft }: BundleRequest): BuildOptions {
  const threads = [...(draft?.threads ?? [])].map(([path, name]) => ({ in: path, out: name }))
  return {
    entryPoints: [{ in: GENERATED, out: 'entry' }, ...threads],
    splitting: true,
    format: 'esm',
    banner: { js: BANNER },
  }
}

/** What modules load by a `require` of their own: only a file of its own is not parsed before. */
function requiredOf({ required }: Found, outputs: Metafile['outputs']): BuildOptions {
  const wanted = [...required].filter(([, name]) => isReferred(outputs, `./${name}.cjs`))
  return {
    entryPoints: wanted.sort(by(([, name]) => name)).map(([path, name]) => ({ in: path, out: name })),
    format: 'cjs',
    outExtension: { '.js': '.cjs' },
    banner: { js: COMMONJS_BANNER },
  }
}

async function run(request: BundleRequest, found: Found, what: BuildOptions): Promise<Bundled> {
  const { bundler, project, draft, maps } = request
  const options: BuildOptions = {
    ...what,
    absWorkingDir: project,
    outdir: resolve(project, 'app'),
    entryNames: '[name]',
    chunkNames: '[name]-[hash]',
    bundle: true,
    platform: 'node',
    target: TARGET,
    // Names stay: a stack of the result can be read without its maps.
    minifyWhitespace: draft !== undefined,
    minifySyntax: true,
    sourcemap: draft && maps ? 'linked' : false,
    sourcesContent: false,
    legalComments: 'none',
    metafile: true,
    write: false,
    logLevel: 'silent',
    // The project's own tsconfig must not redirect imports.
    tsconfigRaw: '{}',
    plugins: [closed(request, found)],
  }
  try {
    return (await bundler.build(options)) as Bundled
  } catch (error) {
    const { errors } = error as Partial<BuildFailure>
    if (!errors) throw error
    if (errors.some(({ text, location }) => location?.file.startsWith(GENERATED) && NO_DEFAULT.test(text))) {
      throw new ClonedError(
        'BUILD_SOURCE',
        { file: request.name, problem: 'it has no default export' },
        { cause: error },
      )
    }
    const problems = errors.map(
      ({ text, location }) => `${location ? `${location.file}:${location.line}: ` : ''}${text}`,
    )
    throw new ClonedError('BUILD_FAILED', { problems: problems.join('; ') }, { cause: error })
  }
}

/** A source map whose sources are named by their packages: it says the same wherever it was made. */
function named(map: Uint8Array, dir: string, packages: Packages): Uint8Array {
  const parsed = JSON.parse(Buffer.from(map).toString()) as { sources: string[] }
  const sources = parsed.sources.map((source) =>
    NO_FILE.test(source) ? source : packages.placeOf(resolve(dir, source)).replace(/^packages\//, ''),
  )
  return Buffer.from(JSON.stringify({ ...parsed, sources }))
}
