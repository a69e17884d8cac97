// Projects in temporary directories that are built by the compiled package, and what came out run as real processes.
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Child, startChild } from '../child.js'
import { ROOT } from '../docs/blocks.js'

/** What a command line left behind. */
export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Files of a project by path. */
export type Files = Readonly<Record<string, string>>

const places: string[] = []
let plain: Promise<Project> | undefined
let builder: Child | undefined
let wishes = 0

/** For the end of every test file that builds. */
export async function cleanUp(): Promise<void> {
  await builder?.kill()
  builder = undefined
  plain = undefined
  for (const place of places.splice(0)) rmSync(place, { recursive: true, force: true })
}

/** A project with `cloned` installed. */
export class Project {
  readonly dir = realpathSync(mkdtempSync(join(tmpdir(), 'cloned-build-test-')))

  constructor(files: Files = {}) {
    places.push(this.dir)
    this.write({ 'package.json': '{"name":"acme-agent","version":"1.0.0","type":"module"}', ...files })
    mkdirSync(join(this.dir, 'node_modules'), { recursive: true })
    symlinkSync(ROOT, join(this.dir, 'node_modules/cloned'))
  }

  write(files: Files): this {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.dir, path)), { recursive: true })
      writeFileSync(join(this.dir, path), text)
    }
    return this
  }

  /** Copies a directory of the repository. */
  copy(from: string, to: string): this {
    cpSync(join(ROOT, from), join(this.dir, to), { recursive: true })
    return this
  }

  /** Runs `cloned build`. One process builds for all tests: what it takes to start is not what they look at. */
  async build(...argv: string[]): Promise<Ran> {
    builder ??= startChild('build')
    const id = ++wishes
    builder.say(JSON.stringify({ id, cwd: this.dir, argv: ['build', ...argv] }))
    for (;;) {
      const ran = JSON.parse(await builder.line()) as Ran & { readonly id: number }
      // A test that ran out of time has left its answer behind.
      if (ran.id === id) return ran
    }
  }

  /** Starts Node in the project, with an environment of its own. */
  node(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
    const { PATH = '', HOME = this.dir } = process.env
    const [XDG_CONFIG_HOME, XDG_CACHE_HOME] = [join(this.dir, '.config'), join(this.dir, '.cache')]
    const options = { cwd: this.dir, env: { PATH, HOME, XDG_CONFIG_HOME, XDG_CACHE_HOME, TMPDIR: this.dir, ...env } }
    return new Promise((resolve) => {
      const child = execFile(process.execPath, args, options, (error, out, err) => {
        resolve({ code: error ? (child.exitCode ?? 1) : 0, out, err })
      })
      child.stdin?.end()
    })
  }
}

export const VALID = `import { allow, beforeToolCall, definePlugin, slot } from 'cloned/kernel'
export const rates = slot('acme.rates', { contract: 2 })
export default definePlugin({
  id: 'acme.kms', version: '1.2.0', kernel: '^0.1.0', stability: 'beta',
  provides: { rates }, taps: [beforeToolCall],
  setup({ hooks }) { hooks.guard(beforeToolCall, () => allow('it is a test')); return { rates: 'of acme.kms' } },
})
`
/** A package of a stranger's. */
export const KMS: Files = {
  'node_modules/acme-kms/package.json':
    '{"name":"acme-kms","version":"1.2.0","type":"module","license":"ISC","exports":"./index.js","peerDependenciesMeta":{"acme-extra":{"optional":true}}}',
  'node_modules/acme-kms/index.js': VALID,
  'node_modules/acme-kms/LICENSE': 'May be used by whoever reads this.',
}

export const distribution = (rest = '', plugins = 'kms') => `import { writeFileSync } from 'node:fs'
import { beforeToolCall, defineDistribution, definePlugin } from 'cloned/kernel'
import kms, { rates } from 'acme-kms'
const spare = definePlugin({
  id: 'acme.spare', version: '1.0.0', kernel: '^0.1.0', taps: [beforeToolCall],
  setup({ hooks }) { hooks.guard(beforeToolCall, () => undefined) },
})
if (process.env.LOADED) writeFileSync(process.env.LOADED, 'yes')
export { rates }
export default defineDistribution({
  name: 'acme-agent', version: '3.1.0', plugins: [${plugins}, spare], mayAllow: ['acme.kms'],
  requireGuards: { beforeToolCall: ['acme.kms'] }, ${rest}
})
`

export const packageJson = (name: string, more: object = {}) =>
  JSON.stringify({ name, version: '1.2.0', type: 'module', exports: './index.js', ...more })

/** A package that carries a file and a native addon, with another copy of what the project uses. */
export const CARRYING: Files = {
  'distribution.js': `import { twin } from 'acme-twin'\n${distribution()}\nexport const own = () => twin`,
  'node_modules/acme-twin/package.json': packageJson('acme-twin'),
  'node_modules/acme-twin/index.js': "export const twin = 'own'",
  'node_modules/acme-kms/node_modules/acme-twin/package.json': packageJson('acme-twin'),
  'node_modules/acme-kms/node_modules/acme-twin/index.js': "export const twin = 'inner'",
  'node_modules/acme-kms/package.json': packageJson('acme-kms', {
    cloned: { files: { 'index.js': ['rates.txt'] }, native: ['acme-native'] },
  }),
  'node_modules/acme-kms/rates.txt': '1.19',
  'node_modules/acme-kms/index.js': `import 'acme-native'\nimport { twin } from 'acme-twin'\n${VALID}\nexport const inner = () => twin`,
  'node_modules/acme-native/package.json': packageJson('acme-native', { dependencies: { 'acme-loads': '1' } }),
  'node_modules/acme-native/index.js': "import 'acme-loads'",
  'node_modules/acme-native/prebuilds/other-arm64/acme.node': 'addon',
  'node_modules/acme-loads/package.json': packageJson('acme-loads'),
  'node_modules/acme-loads/index.js': '',
}

export const project = (files: Files = {}) => new Project({ ...KMS, 'distribution.js': distribution(), ...files })
export const read = (at: Project, path: string) => readFileSync(join(at.dir, path), 'utf8')
export async function built(files: Files = {}, ...argv: string[]): Promise<Project> {
  const at = project(files)
  const { code, err } = await at.build(...argv)
  if (code !== 0 || err !== '') throw new Error(err)
  return at
}

/** The build of the project as it is, for tests that only look at it. */
export const builtOnce = () => {
  plain ??= built()
  return plain
}

/** Imports a build and prints what an expression of it is, or the code of the error. */
export const imported = (at: Project, expression: string, env = {}, build = './build/index.js') =>
  at
    .write({
      'probe.mjs': `try { const app = await import('${build}'); console.log(${expression}) }
catch (error) { console.log(error.code, error.message, error.exit) }`,
    })
    .node(['probe.mjs'], env)
