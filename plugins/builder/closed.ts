// Resolves every import of a distribution while it is built, or decides that it is absent for good; reads modules only.
import { readFile } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import { dirname, join, relative, sep } from 'node:path'
import type { Plugin } from 'cloned/kernel'
import type { Plugin as BundlerPlugin, OnLoadArgs, OnResolveArgs, PluginBuild } from 'esbuild'
import { withoutLeftOut } from './lists.js'
import { rewrite } from './module.js'
import { type Package, type Packages, packageName } from './packages.js'

/** Namespaces of modules that are in no file. */
export const [GENERATED, ABSENT] = ['generated', 'absent'] as const

export interface ClosedRequest {
  readonly packages: Packages
  /** Directory that the imports of `entry` are resolved from. */
  readonly project: string
  /** Text of the generated entry module. */
  readonly entry: string
  /** Where `cloned` is found when the project has none of its own. */
  readonly own: string
  /** Plugins that the distribution lists and leaves out. */
  readonly leftOut?: readonly Plugin[]
}

/** What was met while bundling. */
export interface Found {
  /** Modules that are started as threads, and what each is called. */
  readonly threads: Map<string, string>
  /** Modules that make a `require` for themselves. */
  readonly requiring: Set<string>
  /** Modules that one of these names, and what each is called: they stay files of their own, loaded when they are wanted. */
  readonly required: Map<string, string>
  /** Directories of the packages to copy, by name. */
  readonly native: Map<string, string>
  readonly remarks: Set<string>
}

export function closed(request: ClosedRequest, found: Found): BundlerPlugin {
  const { entry: contents, project: resolveDir } = request
  return {
    name: 'cloned',
    setup(build) {
      build.onResolve({ filter: /^[^./]/ }, (args) => onImport(build, request, found, args))
      build.onLoad({ filter: /.*/, namespace: GENERATED }, () => ({ contents, resolveDir }))
      build.onLoad({ filter: /.*/, namespace: ABSENT }, ({ path }) => ({ contents: absent(`package '${path}'`) }))
      build.onLoad({ filter: /\.[cm]?[jt]s$/ }, (args) => onModule(build, request, found, args))
    },
  }
}

const SEEN = Symbol('seen')

async function onImport(build: PluginBuild, request: ClosedRequest, found: Found, args: OnResolveArgs) {
  const { path, importer, resolveDir, kind, pluginData } = args
  if (kind === 'entry-point') return path === GENERATED ? { path, namespace: GENERATED } : undefined
  // Node 20 does not know every built-in module of newer ones.
  if (pluginData === SEEN || path.startsWith('node:') || isBuiltin(path)) return undefined
  const name = packageName(path)
  const from = request.packages.of(importer === GENERATED ? join(resolveDir, 'entry') : importer)
  let resolved = await build.resolve(path, { importer, resolveDir, kind, pluginData: SEEN })
  if (resolved.errors.length > 0) {
    if (from.optional.has(name)) return { path, namespace: ABSENT }
    if (name === 'cloned') resolved = await build.resolve(path, { resolveDir: request.own, kind, pluginData: SEEN })
  }
  if (resolved.errors.length > 0) return resolved
  if (kind === 'require-call' && found.requiring.has(importer) && !from.carried.native?.includes(name)) {
    const home = request.packages.of(resolved.path)
    const file = fileName('required', home, inside(home.dir, resolved.path))
    found.required.set(resolved.path, file)
    return { path: `./${file}.cjs`, external: true }
  }
  if (!from.carried.native?.includes(name)) return resolved
  const { dir } = request.packages.of(resolved.path)
  found.native.set(name, dir)
  return { path: `../node_modules/${name}/${inside(dir, resolved.path)}`, external: true }
}

async function onModule(build: PluginBuild, request: ClosedRequest, found: Found, { path }: OnLoadArgs) {
  const { packages, leftOut = [] } = request
  const home = packages.of(path)
  const { files = {}, threads = {}, builders = [], lists = [] } = home.carried
  const module = inside(home.dir, path)
  if (builders.includes(module)) return { contents: absent(`module '${module}' of '${home.name}'`) }
  const whole = await readFile(path, 'utf8')
  const source = lists.includes(module) ? await withoutLeftOut(whole, leftOut, readFrom(build, path)) : whole
  const { text, requires, opensFiles, computed } = rewrite(source, packages.placeOf(path))
  if (requires) found.requiring.add(path)
  for (const thread of threads[module] ?? [])
    found.threads.set(join(home.dir, thread), fileName('thread', home, thread))
  const where = `${home.name}@${home.version}/${module}`
  if (computed) found.remarks.add(`${where} imports by a name that is only known when it runs`)
  if (opensFiles && !files[module] && !threads[module]) {
    found.remarks.add(`${where} looks for files beside itself, and its package.json does not say which`)
  }
  return { contents: text, loader: /ts$/.test(path) ? ('ts' as const) : ('js' as const) }
}

/** Reads the module that an import in the module at `importer` names. */
function readFrom(build: PluginBuild, importer: string) {
  const asked = { importer, resolveDir: dirname(importer), kind: 'import-statement', pluginData: SEEN } as const
  return async (specifier: string) => {
    const { errors, external, path } = await build.resolve(specifier, asked)
    return errors.length > 0 || external ? undefined : await readFile(path, 'utf8')
  }
}

function inside(dir: string, path: string): string {
  return relative(dir, path).split(sep).join('/')
}

function fileName(role: 'thread' | 'required', { name, version }: Package, module: string): string {
  return `${role}-${name}-${version}-${module}`.replace(/\.[cm]?js$/, '').replaceAll(/[^a-z0-9]+/gi, '-')
}

function absent(what: string): string {
  const text = `Cannot find ${what}: it is not part of this build`
  return `throw Object.assign(new Error(${JSON.stringify(text)}), { code: 'ERR_MODULE_NOT_FOUND' })`
}
