// Finds an installed package and judges what its package.json says; it loads none of the package's code.
import { existsSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { ClonedError, type JsonObject, KERNEL_VERSION, readJson } from 'cloned/kernel'
import satisfies from 'semver/functions/satisfies.js'
import type { RuleResult } from './report.js'

/** A package that is there. */
export interface InstalledPackage {
  readonly name: string
  readonly version: string
  readonly dir: string
  /** From where its name resolves to it. */
  readonly from: string
  /** It says with an entry point `./contract` what it replaces. */
  readonly hasContract: boolean
  readonly rules: readonly RuleResult[]
}

/** `wanted` is a name that `cwd` can import, or the directory of a package. Throws `PACKAGE_MISSING`. */
export function findPackage(wanted: string, cwd: string): InstalledPackage {
  const isPath = wanted.startsWith('.') || isAbsolute(wanted)
  const dir = isPath ? resolve(cwd, wanted) : installedAt(wanted, cwd)
  if (dir === undefined || !existsSync(join(dir, 'package.json'))) {
    throw new ClonedError('PLUGIN_PACKAGE_MISSING', { name: wanted, from: cwd })
  }
  const manifest = readJson(join(dir, 'package.json')) as JsonObject
  const { name, version, exports } = manifest
  if (typeof name !== 'string' || typeof version !== 'string') {
    throw new ClonedError('PLUGIN_PACKAGE_MISSING', { name: wanted, from: cwd })
  }
  return {
    name,
    version,
    dir,
    // A package can import itself by its name.
    from: isPath ? dir : cwd,
    hasContract: record(exports)['./contract'] !== undefined,
    rules: packageRules(manifest, existsSync(join(dir, 'binding.gyp'))),
  }
}

function installedAt(name: string, cwd: string): string | undefined {
  for (let at = cwd; ; at = dirname(at)) {
    const dir = join(at, 'node_modules', name)
    if (existsSync(join(dir, 'package.json'))) return dir
    if (at === dirname(at)) return undefined
  }
}

const KEYWORD = /^cloned-plugin(-[a-z0-9-]+)?$/
const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall']

function packageRules(manifest: JsonObject, hasBinding: boolean): RuleResult[] {
  const { keywords, type, exports, scripts, dependencies, peerDependencies, optionalDependencies } = manifest
  const words = Array.isArray(keywords) ? keywords : []
  const peer = record(peerDependencies)['cloned']
  const own = { ...record(dependencies), ...record(optionalDependencies) }['cloned']
  const script = INSTALL_SCRIPTS.find((name) => record(scripts)[name] !== undefined)
  const rule = (name: string, problem: string | false): RuleResult => ({ name, ...(problem ? { problem } : {}) })
  return [
    rule(
      'its package.json has a keyword "cloned-plugin" or "cloned-plugin-…", so that it is found',
      !words.some((word) => typeof word === 'string' && KEYWORD.test(word)) && `keywords: ${JSON.stringify(words)}`,
    ),
    rule('it is an ES module with an entry point', type !== 'module' || exports === undefined ? missing(type) : false),
    rule(
      'it leaves the copy of cloned to who installs it, and takes this version',
      own !== undefined
        ? `dependencies bring a copy of their own (${JSON.stringify(own)}): list cloned under peerDependencies instead`
        : typeof peer !== 'string'
          ? 'peerDependencies do not name cloned'
          : !satisfies(KERNEL_VERSION, peer) && `peerDependencies take cloned ${peer}, this is ${KERNEL_VERSION}`,
    ),
    rule(
      'it runs nothing when it is installed',
      script !== undefined ? `scripts.${script}` : hasBinding && 'binding.gyp makes npm compile it',
    ),
  ]
}

function missing(type: unknown): string {
  return type === 'module' ? 'package.json has no exports' : 'package.json does not say "type": "module"'
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
