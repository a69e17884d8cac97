import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compileSchema, readSchema } from 'cloned/kernel'
import { afterAll, describe, expect, it, vi } from 'vitest'
import {
  built,
  builtOnce,
  distribution,
  type Files,
  KMS,
  type Project,
  project,
  read,
  removeProjects,
  stopBuilder,
  VALID,
} from './builder-fixture.js'

vi.setConfig({ testTimeout: 60_000 })
afterAll(async () => {
  await stopBuilder()
  removeProjects()
})

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

const packageJson = (name: string, more: object = {}) =>
  JSON.stringify({ name, version: '1.2.0', type: 'module', exports: './index.js', ...more })

/** A package that carries a file and a native addon, with another copy of what the project uses. */
const CARRYING: Files = {
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
    ['it exports no distribution', { 'distribution.js': 'export const x = 1' }, [], /BUILD_SOURCE|BUILD_FAILED/],
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
