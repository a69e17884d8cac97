import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { compileSchema, readSchema } from 'cloned/kernel'
import { afterAll, describe, expect, it } from 'vitest'
import { check } from '../../plugins/builder/check.js'
import { sha256 } from '../../plugins/builder/lock.js'
import { replaceWith } from '../../plugins/builder/output.js'
import { ROOT } from '../docs/blocks.js'
import {
  built,
  builtOnce,
  CARRYING,
  cleanUp,
  distribution,
  type Files,
  imported,
  KMS,
  type Project,
  packageJson,
  project,
  read,
  VALID,
} from './builder-fixture.js'

afterAll(cleanUp)

const filesOf = (at: Project, out = 'build') =>
  Object.fromEntries(
    readdirSync(join(at.dir, out), { recursive: true, withFileTypes: true, encoding: 'utf8' })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path.slice(join(at.dir, out).length), readFileSync(path, 'base64')]),
  )

describe('the same inputs give the same bytes', () => {
  it('in another directory, with the result somewhere else', async () => {
    const [one, two] = [await built(), project()]
    expect(await two.build('--out', 'some/where/else')).toMatchObject({ code: 0 })
    expect(filesOf(two, 'some/where/else')).toEqual(filesOf(one))
    expect(read(two, 'cloned.lock.json')).toBe(read(one, 'cloned.lock.json'))
  })

  it('and a second build in the place of the first', async () => {
    const at = await built()
    const before = filesOf(at)
    writeFileSync(join(at.dir, 'build/app/stale.js'), '')
    expect(await at.build()).toMatchObject({ code: 0 })
    expect(filesOf(at)).toEqual(before)
    expect(readdirSync(at.dir).filter((name) => name.startsWith('.build'))).toEqual([])
  })
})

describe('the lock', () => {
  it('names plugins with package, version and contracts, owners, guards and packages; no time, no place', async () => {
    const at = await builtOnce()
    const lock = JSON.parse(read(at, 'cloned.lock.json'))
    expect(lock).toMatchObject({
      distribution: { name: 'acme-agent', version: '3.1.0' },
      plugins: [
        { id: 'acme.kms', version: '1.2.0', package: 'acme-kms', stability: 'beta', contracts: { 'acme.rates': 2 } },
        { id: 'acme.spare', version: '1.0.0', package: 'acme-agent' },
      ],
      owners: { 'acme.rates': 'acme.kms' },
      guards: { beforeToolCall: ['acme.kms'] },
      may_allow: ['acme.kms'],
    })
    const names = lock.packages.map(({ name }: { name: string }) => name)
    expect(names).toEqual([...names].sort())
    expect(names).toEqual(expect.arrayContaining(['acme-agent', 'acme-kms', 'cloned', 'tapable']))
    const validate = compileSchema(readSchema('distribution_lock'))
    for (const text of [read(at, 'cloned.lock.json'), read(at, 'build/distribution.lock.json')]) {
      expect(validate(JSON.parse(text))).toEqual([])
      expect(text).not.toContain(at.dir)
      expect(text).not.toMatch(/\d{4}-\d\d-\d\dT|node_modules\/cloned/)
    }
  })

  it.each<[string, Files, RegExp]>([
    [
      'another version is installed',
      {
        'node_modules/acme-kms/package.json': (KMS['node_modules/acme-kms/package.json'] ?? '').replace(
          '1.2.0',
          '1.2.3',
        ),
      },
      /package acme-kms: the lock says 1\.2\.0, now 1\.2\.3/,
    ],
    [
      'a file of the same version was changed',
      { 'node_modules/acme-kms/index.js': `${VALID}\nexport const more = globalThis.more` },
      /files of acme-kms 1\.2\.0: the lock says sha256-/,
    ],
    [
      'a guard is no longer required',
      { 'distribution.js': distribution('requireGuards: {}') },
      /guards of beforeToolCall/,
    ],
    ['a plugin has gone', { 'distribution.js': distribution("omit: ['acme.spare']") }, /plugin acme\.spare: .* gone/],
    [
      'somebody else may allow',
      { 'distribution.js': distribution("mayAllow: ['acme.spare']") },
      /may allow: the lock says acme\.kms, now acme\.spare/,
    ],
  ])('that disagrees stops the build: %s', async (_, change, says) => {
    const at = await built()
    const [lock, before] = [read(at, 'cloned.lock.json'), filesOf(at)]
    at.write(change)
    const refused = await at.build()
    expect(refused).toMatchObject({ code: 5, err: expect.stringMatching(/BUILD_LOCK_MISMATCH[\s\S]*--update-lock/) })
    expect(refused.err).toMatch(says)
    expect([read(at, 'cloned.lock.json'), filesOf(at)]).toEqual([lock, before])
    expect(await at.build('--update-lock')).toMatchObject({ code: 0 })
    expect(read(at, 'cloned.lock.json')).not.toBe(lock)
    expect(await at.build()).toMatchObject({ code: 0 })
  })

  it.each([
    ['a file that a package carries', 'node_modules/acme-kms/rates.txt', 'acme-kms'],
    ['a native addon', 'node_modules/acme-native/prebuilds/other-arm64/acme.node', 'acme-native'],
    ['what a native addon depends on', 'node_modules/acme-loads/index.js', 'acme-loads'],
    ['the first of two copies of one version', 'node_modules/acme-kms/node_modules/acme-twin/index.js', 'acme-twin'],
    ['the second of two copies of one version', 'node_modules/acme-twin/index.js', 'acme-twin'],
  ])('knows %s', async (_, path, name) => {
    const at = await built(CARRYING)
    writeFileSync(join(at.dir, path), `${read(at, path)} `)
    expect(await at.build()).toMatchObject({
      code: 5,
      err: expect.stringContaining(`files of ${name} 1.2.0: the lock says sha256-`),
    })
  })

  it.each(['', '{', '{"format":2}', '[]'])('that is damaged is refused, not replaced: %j', async (text) => {
    const at = project({ 'cloned.lock.json': text })
    expect(await at.build()).toMatchObject({ code: 6, err: expect.stringContaining('FILE_INVALID') })
    expect(read(at, 'cloned.lock.json')).toBe(text)
    expect(existsSync(join(at.dir, 'build'))).toBe(false)
  })
})

describe('what cannot run is not built', () => {
  it.each<[string, Files, readonly string[], RegExp]>([
    ['a required guard is omitted', { 'distribution.js': distribution("omit: ['acme.kms']") }, [], /GUARD_MISSING/],
    [
      'the replacement does not provide the slot',
      { 'distribution.js': distribution("replace: { 'acme.rates': 'acme.spare' }") },
      [],
      /REPLACE_UNKNOWN/,
    ],
    ['a listed plugin is none', { 'distribution.js': distribution('', 'kms, undefined') }, [], /PLUGIN_INVALID/],
    ['there is no file', {}, ['other.js'], /BUILD_SOURCE other\.js .*no such file/],
    [
      'it has no default export',
      { 'distribution.js': 'export const x = 1' },
      [],
      /BUILD_SOURCE distribution\.js .*no default export\.\s+Write "export default defineDistribution/,
    ],
    [
      'it exports no distribution',
      { 'distribution.js': 'export default { name: "x" }' },
      [],
      /BUILD_SOURCE distribution\.js .*default export is not a distribution/,
    ],
    [
      'wrappers in a cycle',
      {
        'distribution.js': `import { defineDistribution, definePlugin, slot } from 'cloned/kernel'
          const [rates, gear] = [slot('acme.rates', { contract: 1 }), slot('acme.gear', { contract: 1 })]
          const plugin = (id, more) => definePlugin({ id, version: '1.0.0', kernel: '^0.1.0', ...more })
          const owner = plugin('acme.owner', { provides: { rates }, requires: { gear }, setup: () => ({ rates: 1 }) })
          const around = plugin('acme.around', { wraps: { rates }, provides: { gear }, setup: () => ({ rates: 2, gear: 3 }) })
          export default defineDistribution({
            name: 'acme-agent', version: '1.0.0', plugins: [owner, around], wrap: { 'acme.rates': ['acme.around'] }, mayAllow: [],
          })`,
      },
      [],
      /PLUGIN_CYCLE.*acme\.(?:owner|around).* -> /,
    ],
    [
      'a package brings a kernel of its own',
      {
        'node_modules/acme-kms/node_modules/cloned/package.json':
          '{"name":"cloned","version":"9.9.9","type":"module","exports":{"./kernel":"./kernel.js"}}',
        'node_modules/acme-kms/node_modules/cloned/kernel.js': `export * from '${ROOT}/dist/kernel/index.js'`,
      },
      [],
      /BUILD_KERNEL .*cloned 9\.9\.9\.\s+.*npx cloned@9\.9\.9 build/,
    ],
    [
      'a package has a name that leads out of the build',
      { 'node_modules/acme-kms/package.json': packageJson('../../acme-kms') },
      [],
      /BUILD_FAILED .*acme-kms\/package\.json names "\.\.\/\.\.\/acme-kms"/,
    ],
    [
      'a package has a version that does',
      { 'node_modules/acme-kms/package.json': packageJson('acme-kms', { version: '1/../../..' }) },
      [],
      /BUILD_FAILED .* names "1\/\.\.\/\.\.\/\.\."/,
    ],
    [
      'a native package depends on a path',
      {
        ...CARRYING,
        'node_modules/acme-native/package.json': packageJson('acme-native', { dependencies: { '../../evil': '1' } }),
        'evil/package.json': packageJson('evil'),
        'evil/index.js': '',
      },
      [],
      /BUILD_FAILED .*acme-native\/package\.json names "\.\.\/\.\.\/evil"/,
    ],
    [
      'it throws',
      { 'distribution.js': 'throw new Error("not today")\nexport default {}' },
      [],
      /BUILD_SOURCE.*not today/,
    ],
    [
      'a package is missing',
      { 'distribution.js': 'import "acme-gone"\nexport default {}' },
      [],
      /BUILD_FAILED.*acme-gone/,
    ],
    [
      'a package has no plugin',
      { 'node_modules/acme-kms/index.js': 'export const x = 1' },
      ['--with', 'acme-kms'],
      /BUILD_PACKAGE.*acme-kms/,
    ],
    ['--with without a package', {}, ['--with'], /COMMAND_USAGE/],
    ['the directory is somebody else’s', { 'build/thesis.txt': '' }, [], /BUILD_OUT/],
    [
      'somebody keeps files in the earlier build',
      { 'build/distribution.lock.json': '{}', 'build/.cloned/audit.log': '' },
      [],
      /BUILD_OUT/,
    ],
    ['the directory is a file', { build: '' }, [], /BUILD_OUT/],
    ['without a bundle, outside the project', {}, ['--no-bundle', '--out', '../elsewhere'], /BUILD_OUTSIDE/],
  ])('%s', async (_, files, argv, says) => {
    const at = project(files)
    const { code, err } = await at.build(...argv)
    expect(code).not.toBe(0)
    expect(err).toMatch(says)
    expect(existsSync(join(at.dir, 'cloned.lock.json'))).toBe(false)
    expect(existsSync(join(at.dir, 'build/index.js'))).toBe(false)
  })
})

describe('an earlier build', () => {
  it.each([
    ['a directory', 'build'],
    ['one file', 'build.mjs'],
  ])('stays when the new one cannot be put in its place: %s', async (_, name) => {
    const at = await built({}, ...(name === 'build' ? [] : ['--single-file']))
    const out = join(at.dir, name)
    const before = name === 'build' ? filesOf(at) : readFileSync(out, 'base64')
    // What was made is gone before it can be moved.
    await expect(replaceWith(out, async () => undefined)).rejects.toThrow(/ENOENT/)
    expect(name === 'build' ? filesOf(at) : readFileSync(out, 'base64')).toEqual(before)
    expect(readdirSync(at.dir).filter((found) => found.startsWith('.build'))).toEqual([])
  })
})

it('a build for another platform says so', () => {
  const at = project()
  const lock = JSON.stringify({ files: {}, platforms: ['plan9-mips', 'plan9-arm'] })
  at.write({ 'made/distribution.lock.json': lock })
  expect(() => check(pathToFileURL(`${at.dir}/made/`), sha256(lock))).toThrow(
    expect.objectContaining({
      code: 'BUILD_PLATFORM',
      message: expect.stringMatching(/^this build is for plan9-mips, plan9-arm, and this is \w+-\w+\.$/),
      help: 'Build it here: cloned build',
    }),
  )
})

it('a package with nothing but a default export joins the default distribution, of which nothing is to be remarked', async () => {
  const at = project({
    'node_modules/acme-kms/index.js': VALID.replace('export const rates', 'const rates'),
  })
  expect(await at.build('--with', 'acme-kms')).toMatchObject({ code: 0, err: '' })
  const lock = JSON.parse(read(at, 'build/distribution.lock.json'))
  expect(lock.plugins.map(({ id }: { id: string }) => id)).toEqual(expect.arrayContaining(['acme.kms', 'cloned.api']))
  expect(lock.remarks).toEqual([])
})

it('files of a name that means something in a URL are found, with a bundle and without', async () => {
  const at = project({ 'a #1?/50%.js': distribution() })
  for (const argv of [[], ['--no-bundle']]) {
    expect(await at.build('a #1?/50%.js', ...argv)).toMatchObject({ code: 0 })
    expect(await imported(at, 'app.default.name')).toMatchObject({ out: 'acme-agent\n' })
  }
})
