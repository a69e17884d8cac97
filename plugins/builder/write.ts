// Lays out a build: the bundle with all it needs and its digests, as a directory or one file, or the generated modules alone.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Bundle } from './bundle.js'
import type { Bundler } from './bundler.js'
import { carryFiles, carryNative, filesIn } from './carry.js'
import { checkedText, entryText, programText } from './generate.js'
import { by, type Lock, lockText, sha256 } from './lock.js'
import { notices } from './notices.js'
import { LOCK_NAME, writeAll } from './output.js'
import { packedText } from './pack.js'
import type { Packages } from './packages.js'
import { MODULES, PLATFORM } from './planned.js'
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
  const { bundler, made, lock, cli } = parts
  const lockDigest = writeParts(stage, parts, [['package.json', manifest(lock, cli)], ...(await program(parts))])
  const index = await checkedText(bundler, { exports: made.exports, lockDigest })
  writeAll(stage, new Map([['index.js', index]]))
  return summed(stage, index)
}

/** The whole build as the text of one file, made in `stage`. */
export async function packBuild(stage: string, parts: Parts): Promise<Written & { readonly text: string }> {
  const { bundler, made, lock, cli } = parts
  const lockDigest = writeParts(stage, parts, [['package.json', MODULES]])
  const program = cli ? { program: lock.distribution.version } : {}
  const text = await packedText(bundler, { stage, exports: made.exports, lockDigest, ...program })
  return { text, files: 1, bytes: text.length, digest: sha256(text) }
}

/** Everything but what vouches for it, with its lock; answers the digest of that. */
function writeParts(stage: string, parts: Parts, own: readonly (readonly [string, string])[]): string {
  const { bundler, packages, source, made, lock, noAddons, remarks } = parts
  const native = noAddons ? new Map<string, string>() : made.native
  const runs = native.size > 0 ? { platforms: [PLATFORM] } : nodeOf(made, packages)
  carryFiles(made.inputs, packages, stage)
  const copied = carryNative(native, packages, { out: stage, platforms: [PLATFORM] })
  const builtIn = made.read.map((input) => packages.of(input)).filter(({ dir }) => dir !== source.project)
  writeAll(
    stage,
    new Map<string, Uint8Array | string>([
      ...made.files,
      ['THIRD-PARTY-NOTICES.txt', notices([...builtIn, ...copied])],
      ...own,
    ]),
  )
  const digests = filesIn(stage).map((path) => [path, sha256(readFileSync(join(stage, path)))] as const)
  const built = { bundler: `esbuild ${bundler.version}`, ...runs, remarks }
  const text = lockText({ ...lock, ...built, files: Object.fromEntries(digests.sort(by(([path]) => path))) })
  writeAll(stage, new Map([[LOCK_NAME, text]]))
  return sha256(text)
}

/** What Node has to have in it, in the place of the addons that were left out. */
function nodeOf({ native, read }: Bundle, packages: Packages): { readonly node?: Readonly<Record<string, string>> } {
  const homes = new Set(read.map((input) => packages.of(input)))
  const instead = [...homes].flatMap(({ carried }) => [...native.keys()].map((name) => carried.instead?.[name] ?? {}))
  const node = Object.assign({}, ...instead) as Record<string, string>
  return Object.keys(node).length > 0 ? { node } : {}
}

/** The generated modules, importing what the project has installed. */
export async function writeSources(stage: string, parts: Parts, out: string): Promise<Written> {
  const { source, lock, cli } = parts
  const index = entryText({ ...source.imports(out, 'node'), cli })
  writeAll(
    stage,
    new Map([
      ['index.js', index],
      ['package.json', manifest(lock, cli)],
      [LOCK_NAME, lockText(lock)],
      ...(await program(parts)),
    ]),
  )
  return summed(stage, index)
}

async function program({ bundler, lock, cli }: Parts): Promise<[string, string][]> {
  return cli ? [['main.js', await programText(bundler, lock.distribution)]] : []
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
