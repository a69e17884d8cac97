import {
  appendFileSync,
  chmodSync,
  chownSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import {
  built,
  CARRYING,
  cleanUp,
  distribution,
  imported,
  type Project,
  packageJson,
  project,
  VALID,
} from './builder-fixture.js'

afterAll(cleanUp)

const single = (files = {}) => built(files, '--single-file')
let whole: Promise<Project> | undefined
/** For tests that only look at it, each with a cache of its own. */
const singleOnce = () => {
  whole ??= single()
  return whole
}
const file = (at: Project) => join(at.dir, 'build.mjs')
const run = (at: Project, expression = "'runs'", env = {}) => imported(at, expression, env, './build.mjs')
/** Where it unpacks itself in a cache of this name. */
const home = (at: Project, cache = '.cache') => join(at.dir, cache, 'cloned/builds')
const PLAN = 'app.createKernel(app.default, {}).plan().plugins.map(({ id }) => id).join()'

describe('a build that is one file', () => {
  it('runs with nothing beside it: modules, the files that they open, threads', async () => {
    const opens = (name: string) => `new URL('./${name}', import.meta.url)`
    const at = await single({
      'node_modules/acme-kms/package.json': packageJson('acme-kms', {
        cloned: { files: { 'index.js': ['rates.txt'] }, threads: { 'index.js': ['thread.js'] } },
      }),
      'node_modules/acme-kms/rates.txt': 'größer als 1.19 \u2028',
      'node_modules/acme-kms/thread.js':
        "import { parentPort } from 'node:worker_threads'\nparentPort.postMessage('from the thread')",
      'node_modules/acme-kms/index.js': `import { readFileSync } from 'node:fs'\nimport { once } from 'node:events'\nimport { Worker } from 'node:worker_threads'\n${VALID}
export const found = async () => [readFileSync(${opens('rates.txt')}, 'utf8'), ...(await once(new Worker(${opens('thread.js')}), 'message'))].join()`,
      'distribution.js': `${distribution()}\nexport { found } from 'acme-kms'`,
    })
    rmSync(join(at.dir, 'node_modules'), { recursive: true })
    expect(await run(at, `${PLAN} + (await app.found())`)).toMatchObject({
      out: 'acme.kms,acme.sparegrößer als 1.19 \u2028,from the thread\n',
    })
    expect(readdirSync(at.dir)).not.toContain('build')
  })

  it('is the same bytes elsewhere, and a second one replaces it', async () => {
    const [one, two] = [await single(), project()]
    expect(await two.build('--single-file', '--out', 'some/where/agent.mjs')).toMatchObject({ code: 0 })
    const bytes = readFileSync(file(one))
    expect(readFileSync(join(two.dir, 'some/where/agent.mjs')).equals(bytes)).toBe(true)
    expect(bytes.every((byte) => byte < 0x80)).toBe(true)
    expect(await one.build('--single-file')).toMatchObject({ code: 0 })
    expect(readFileSync(file(one)).equals(bytes)).toBe(true)
    expect(readdirSync(one.dir).filter((name) => name.startsWith('.build'))).toEqual([])
  })

  it.each<[string, (text: string) => string]>([
    ['a letter of a file in it', (text) => text.replace('acme.spare', 'acme.sparf')],
    ['the digest of its lock', (text) => text.replace(/sha256-[0-9a-f]{4}/, 'sha256-0000')],
    ['its own digest', (text) => text.replace(/"[0-9a-f]{64}"/, `"${'0'.repeat(64)}"`)],
    ['a line more', (text) => `${text}\nglobalThis.more = true`],
    ['a comment more', (text) => `${text}\n//{}`],
    ['its last half gone', (text) => text.slice(0, text.length / 2)],
    ['its last letter gone', (text) => text.slice(0, -1)],
    ['a letter outside of ASCII', (text) => text.replace('acme.spare', 'acme.sp\u00e4re')],
  ])('that was changed does not start, and nothing of it has run: %s', async (_, change) => {
    const at = await singleOnce()
    const text = readFileSync(file(at), 'latin1')
    expect(change(text)).not.toBe(text)
    writeFileSync(join(at.dir, 'changed.mjs'), change(text), 'latin1')
    const env = { LOADED: join(at.dir, 'loaded'), XDG_CACHE_HOME: join(at.dir, 'none') }
    expect(await imported(at, "'runs'", env, './changed.mjs')).toMatchObject({
      out: expect.stringMatching(/^BUILD_TAMPERED changed\.mjs is not the file that was built\. 5$/m),
    })
    expect(readdirSync(at.dir).filter((name) => name === 'loaded' || name === 'none')).toEqual([])
  })

  it('unpacks itself once, for its user alone, however many start at once', async () => {
    const at = await singleOnce()
    at.write({ 'probe.mjs': `const app = await import('./build.mjs')\nconsole.log(${PLAN})` })
    const all = await Promise.all(Array.from({ length: 4 }, () => at.node(['probe.mjs'])))
    expect(all.map(({ out, err }) => [out, err])).toEqual(all.map(() => ['acme.kms,acme.spare\n', '']))
    const [only = '', ...more] = readdirSync(home(at))
    expect(more).toEqual([])
    const paths = readdirSync(join(home(at), only), { recursive: true, encoding: 'utf8' })
    for (const path of ['.', ...paths]) expect(statSync(join(home(at), only, path)).mode & 0o077).toBe(0)
    const { ino } = statSync(join(home(at), only))
    expect(await run(at)).toMatchObject({ out: 'runs\n' })
    expect(statSync(join(home(at), only)).ino).toBe(ino)
  })

  it.each<[string, (place: string) => void]>([
    ['changed', (place) => appendFileSync(join(place, 'app/entry.js'), '\nglobalThis.more = true')],
    ['gone', (place) => rmSync(join(place, 'distribution.lock.json'))],
    ['too many', (place) => writeFileSync(join(place, 'app/package.json'), '{}')],
  ])('puts its own in the place of unpacked files that are %s', async (name, damage) => {
    const at = await singleOnce()
    const cache = `cache ${name}`
    const env = { XDG_CACHE_HOME: join(at.dir, cache) }
    expect(await run(at, "'runs'", env)).toMatchObject({ out: 'runs\n' })
    const [only = ''] = readdirSync(home(at, cache))
    damage(join(home(at, cache), only))
    expect(await run(at, '[globalThis.more]', env)).toMatchObject({ out: '[ undefined ]\n' })
    expect(readdirSync(join(home(at, cache), only))).toContain('distribution.lock.json')
    expect(readdirSync(join(home(at, cache), only, 'app'))).not.toContain('package.json')
    expect(readdirSync(home(at, cache))).toEqual([only])
  })

  it('unpacks nothing where others may write or move what is above it, through a link either, or where it cannot', async () => {
    const at = await singleOnce()
    const cache = 'shared'
    const env = { XDG_CACHE_HOME: join(at.dir, cache) }
    expect(await run(at, "'runs'", env)).toMatchObject({ out: 'runs\n' })
    chmodSync(home(at, cache), 0o777)
    expect((await run(at, "'runs'", env)).out).toMatch(/^BUILD_CACHE .* others may write to it\. 1$/m)
    rmSync(home(at, cache), { recursive: true })
    at.write({ 'elsewhere/builds/.keep': '' })
    chmodSync(join(at.dir, 'elsewhere'), 0o777)
    symlinkSync(join(at.dir, 'elsewhere/builds'), home(at, cache))
    expect((await run(at, "'runs'", env)).out).toMatch(/^BUILD_CACHE .*elsewhere belongs to another user, or others/m)
    chmodSync(join(at.dir, 'elsewhere'), 0o1777)
    expect(await run(at, "'runs'", env)).toMatchObject({ out: 'runs\n' })
    expect((await run(at, "'runs'", { HOME: '', XDG_CACHE_HOME: '' })).out).toMatch(/^BUILD_CACHE There is no home/m)
    expect((await run(at, "'runs'", { XDG_CACHE_HOME: join(at.dir, 'package.json') })).out).toMatch(
      /^BUILD_CACHE build\.mjs cannot be unpacked into .*package\.json\/cloned\/builds \(ENOTDIR\)\. 1$/m,
    )
  })
})

it.skipIf(process.getuid?.() !== 0)(
  'a build in one file does not trust a directory of another user (needs root)',
  async () => {
    const at = await singleOnce()
    at.write({ 'foreign/cloned/.keep': '' })
    chownSync(join(at.dir, 'foreign/cloned'), 12345, 12345)
    const { out } = await run(at, "'runs'", { XDG_CACHE_HOME: join(at.dir, 'foreign') })
    expect(out).toMatch(/^BUILD_CACHE .*foreign\/cloned belongs to another user/m)
  },
)

describe('a build without its addons says what its Node lacks', () => {
  it.each([
    ['has the part, new enough', 'file', { v8: '10.2' }, 'runs\n'],
    [
      'has an older one',
      'directory',
      { v8: '999.1' },
      expect.stringMatching(/^BUILD_NODE .* v8 999\.1 or newer in it, and v[\d.]+ has \d+\.\S+\. 1$/m),
    ],
    [
      'has none',
      'file',
      { acme: '1.0' },
      expect.stringMatching(/^BUILD_NODE .* acme 1\.0 or newer in it, and v[\d.]+ has none\. 1$/m),
    ],
  ])('%s', async (_, shape, node, says) => {
    const kms = packageJson('acme-kms', {
      cloned: { files: { 'index.js': ['rates.txt'] }, native: ['acme-native'], instead: { 'acme-native': node } },
    })
    const at = project({
      ...CARRYING,
      'node_modules/acme-kms/package.json': kms,
      // What Node has in the place of the addon is found by the module itself.
      'node_modules/acme-kms/index.js': `${VALID}\nexport const native = () => import('acme-native')`,
      'distribution.js': `${distribution()}\nexport { native } from 'acme-kms'`,
    })
    const [argv, build] = shape === 'file' ? [['--single-file'], './build.mjs'] : [[], './build/index.js']
    expect(await at.build('--no-addons', ...argv)).toMatchObject({ code: 0 })
    expect(await imported(at, "'runs'", {}, build)).toMatchObject({ out: says })
    expect(await at.build(...argv)).toMatchObject({ code: 0 })
    expect(await imported(at, "(await app.native()) && 'runs'", {}, build)).toMatchObject({ out: 'runs\n' })
  })
})

it.each([
  ['somebody’s file', { 'build.mjs': 'export {}' }, ['--single-file']],
  ['somebody’s directory', { 'build.mjs/thesis.txt': '' }, ['--single-file']],
  ['a directory, over a file', { build: '' }, []],
])('a build replaces no %s', async (_, files, argv) => {
  const at = project(files)
  expect(await at.build(...argv)).toMatchObject({ code: 1, err: expect.stringContaining('BUILD_OUT') })
  const [[path = '', text] = []] = Object.entries(files)
  expect(readFileSync(join(at.dir, path), 'utf8')).toBe(text)
})

it('one file without a bundle is refused', async () => {
  expect(await project().build('--single-file', '--no-bundle')).toMatchObject({ code: 2 })
})
