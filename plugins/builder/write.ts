// Lays out a build: the bundle with all it needs and its digests, or the generated modules alone; it replaces nothing.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Bundle } from './bundle.js'
import type { Bundler } from './bundler.js'
import { carryFiles, carryNative, filesIn } from './carry.js'
import { checkedText, entryText, programText } from './generate.js'
import { by, type Lock, lockText, sha256 } from './lock.js'
import { notices } from './notices.js'
import { LOCK_NAME, writeAll } from './output.js'
import type { Packages } from './packages.js'
import { PLATFORM } from './planned.js'
import type { Source } from './source.js'

export interface Parts {
  readonly bundler: Bundler
  readonly packages: Packages
  readonly source: Source
  readonly made: Bundle
  readonly lock: Lock
  readonly cli: boolean
  readonly remarks: readonly string[]
  /** Native addons are left out. */
  readonly noAddons: boolean
}

/** What was written, and the digest of the one file that vouches for it. */
export interface Written {
  readonly files: number
  readonly bytes: number
  readonly digest: string
}

/** The whole build. index.js knows the digest of the lock, the lock that of every other file. */
export async function writeBuild(stage: string, parts: Parts): Promise<Written> {
  const { bundler, packages, source, made, lock, cli, noAddons, remarks } = parts
  const native = noAddons ? new Map<string, string>() : made.native
  const platforms = native.size > 0 ? { platforms: [PLATFORM] } : {}
  carryFiles(made.inputs, packages, stage)
  const copied = carryNative(native, packages, { out: stage, platforms: [PLATFORM] })
  const builtIn = made.read.map((input) => packages.of(input)).filter(({ dir }) => dir !== source.project)
  writeAll(
    stage,
    new Map<string, Uint8Array | string>([
      ...made.files,
      ['package.json', manifest(lock, cli)],
      ['THIRD-PARTY-NOTICES.txt', notices([...builtIn, ...copied])],
      ...program(lock, cli),
    ]),
  )
  const digests = filesIn(stage).map((path) => [path, sha256(readFileSync(join(stage, path)))] as const)
  const built = { bundler: `esbuild ${bundler.version}`, ...platforms, remarks }
  const text = lockText({ ...lock, ...built, files: Object.fromEntries(digests.sort(by(([path]) => path))) })
  const index = await checkedText(bundler, { exports: made.exports, lockDigest: sha256(text) })
  writeAll(
    stage,
    new Map([
      [LOCK_NAME, text],
      ['index.js', index],
    ]),
  )
  return summed(stage, index)
}

/** The generated modules, importing what the project has installed. */
export async function writeSources(stage: string, { source, lock, cli }: Parts, out: string): Promise<Written> {
  const index = entryText({ ...source.imports(out), cli })
  writeAll(
    stage,
    new Map([
      ['index.js', index],
      ['package.json', manifest(lock, cli)],
      [LOCK_NAME, lockText(lock)],
      ...program(lock, cli),
    ]),
  )
  return summed(stage, index)
}

function program({ distribution }: Lock, cli: boolean): [string, string][] {
  return cli ? [['main.js', programText(distribution)]] : []
}

function manifest({ distribution: { name, version } }: Lock, cli: boolean): string {
  const document = {
    name,
    version,
    private: true,
    type: 'module',
    engines: { node: '>=20.19.0' },
    exports: './index.js',
    ...(cli ? { bin: { [name]: './main.js' } } : {}),
  }
  return lockText(document)
}

function summed(stage: string, index: string): Written {
  const files = filesIn(stage)
  const bytes = files.reduce((sum, path) => sum + readFileSync(join(stage, path)).length, 0)
  return { files: files.length, bytes, digest: sha256(index) }
}
