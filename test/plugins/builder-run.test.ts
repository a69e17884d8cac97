import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import {
  built,
  builtOnce,
  cleanUp,
  distribution,
  imported,
  packageJson,
  project,
  read,
  VALID,
} from './builder-fixture.js'

const REQUIRE = "import { createRequire } from 'node:module'\nconst require = createRequire(import.meta.url)"

afterAll(cleanUp)

describe('a build that is not as it was made does not start', () => {
  it('any file that is loaded, changed or gone, and nothing of it has run', async () => {
    const at = await built()
    const loaded = join(at.dir, 'loaded')
    const { files } = JSON.parse(read(at, 'build/distribution.lock.json')) as { files: Record<string, string> }
    const checked = Object.keys(files).filter((path) => !path.endsWith('.map'))
    expect(checked).toEqual(expect.arrayContaining(['app/entry.js', 'package.json', 'THIRD-PARTY-NOTICES.txt']))
    const kinds = [
      ...new Map(checked.map((path) => [path.replace(/[^/]*\.(\w+)$/, '$1'), path])).values(),
      'app/entry.js',
    ]
    for (const path of [...kinds, 'distribution.lock.json']) {
      const [file, whole] = [join(at.dir, 'build', path), readFileSync(join(at.dir, 'build', path))]
      appendFileSync(file, ' ')
      expect(await imported(at, "'runs'", { LOADED: loaded })).toMatchObject({
        out: expect.stringMatching(/^BUILD_TAMPERED .* 5$/m),
      })
      rmSync(file)
      expect((await imported(at, "'runs'", { LOADED: loaded })).out).toContain(`BUILD_TAMPERED ${path} cannot be read`)
      writeFileSync(file, whole)
    }
    for (const path of ['app/package.json', 'app/node_modules/x/index.js', 'node_modules/x/build/Release/x.node']) {
      at.write({ [`build/${path}`]: '{}' })
      expect((await imported(at, "'runs'", { LOADED: loaded })).out).toMatch(/^BUILD_TAMPERED .* was not built\. 5$/m)
      rmSync(join(at.dir, 'build', path.replace(/\/x\/.*/, '')), { recursive: true })
    }
    symlinkSync(at.dir, join(at.dir, 'build/app/node_modules'))
    expect((await imported(at, "'runs'", { LOADED: loaded })).out).toContain('BUILD_TAMPERED app/node_modules was not')
    rmSync(join(at.dir, 'build/app/node_modules'))
    expect(existsSync(loaded)).toBe(false)
    at.write({ 'build/.cloned/audit.log': 'what its user keeps beside it' })
    expect(await imported(at, "'runs'", { LOADED: loaded })).toMatchObject({ out: 'runs\n' })
    expect(existsSync(loaded)).toBe(true)
  })
})

describe('the run of a build', () => {
  const kernel = (runtime: string) =>
    `app.createKernel(app.default, ${runtime}).plan().plugins.map(({ id }) => id).join()`

  it.each([
    ['{}', 'acme.kms,acme.spare\n'],
    ["{ off: ['acme.spare'] }", 'acme.kms\n'],
    ["{ off: ['acme.kms'] }", /^PLAN_FAILED [\s\S]*GUARD_MISSING/],
    ["{ off: ['acme.other'] }", /^PLAN_FAILED [\s\S]*OMIT_UNKNOWN/],
    ["{ config: { 'acme.other': {} } }", /^PLAN_FAILED [\s\S]*CONFIG_UNKNOWN/],
    ["{ plugins: ['acme-extra'], config: {} }", 'acme.kms,acme.spare\n'],
  ])('may switch off what is listed, and no guard that is required: %s', async (runtime, says) => {
    expect(await imported(await builtOnce(), kernel(runtime))).toMatchObject({
      out: typeof says === 'string' ? says : expect.stringMatching(says),
    })
  })

  it('loads nothing that was not built in, though it lies beside the build', async () => {
    const asks = `${VALID}\nexport const extra = () => import('acme-extra').then(() => 'loaded', ({ code }) => code)`
    const at = await built({
      'node_modules/acme-kms/index.js': asks,
      'distribution.js': `${distribution()}\nexport { extra } from 'acme-kms'`,
    })
    at.write({
      'node_modules/acme-extra/package.json': '{"name":"acme-extra","version":"1.0.0","type":"module"}',
      'node_modules/acme-extra/index.js': 'export {}',
    })
    expect(await imported(at, 'await app.extra()')).toMatchObject({ out: 'ERR_MODULE_NOT_FOUND\n' })
  })

  it('finds the files that its packages carry, and threads, and says which modules look for others', async () => {
    const opens = (name: string) => `new URL('./${name}', import.meta.url)`
    const at = await built({
      'node_modules/acme-kms/package.json':
        '{"name":"acme-kms","version":"1.2.0","type":"module","exports":"./index.js","cloned":{"files":{"index.js":["rates.txt"]},"threads":{"index.js":["thread.js"]}}}',
      'node_modules/acme-kms/rates.txt': '1.19',
      'node_modules/acme-kms/thread.js':
        "import { parentPort } from 'node:worker_threads'\nimport { word } from './word.js'\nparentPort.postMessage(word)",
      'node_modules/acme-kms/word.js': "export const word = 'from the thread'",
      'node_modules/acme-kms/index.js': `import { readFileSync } from 'node:fs'\nimport { once } from 'node:events'\nimport { Worker } from 'node:worker_threads'\n${VALID}
export const found = async () => [readFileSync(${opens('rates.txt')}, 'utf8'), ...(await once(new Worker(${opens('thread.js')}), 'message'))].join()`,
      'distribution.js': `${distribution()}\nexport { found } from 'acme-kms'\nexport const own = () => import.meta.dirname`,
    })
    rmSync(join(at.dir, 'node_modules'), { recursive: true })
    expect(await imported(at, 'await app.found()')).toMatchObject({ out: '1.19,from the thread\n' })
    expect(JSON.parse(read(at, 'build/distribution.lock.json')).remarks).toEqual([
      'acme-agent@1.0.0/distribution.js looks for files beside itself, and its package.json does not say which',
    ])
  })

  it('keeps what a module requires for itself in a file of its own, which nothing loads before', async () => {
    const at = await built({
      'node_modules/acme-words/package.json': '{"name":"acme-words","version":"2.0.0","main":"words.js"}',
      'node_modules/acme-words/words.js': "exports.word = require('./more.js').word",
      'node_modules/acme-words/more.js': "console.log('loaded'); exports.word = 'from a file of its own'",
      'node_modules/acme-other/package.json':
        '{"name":"acme-other","version":"1.0.0","type":"module","exports":"./index.js"}',
      'node_modules/acme-other/index.js': `${REQUIRE}\nexport const other = () => require('acme-words').word`,
      'node_modules/acme-other/node_modules/acme-words/package.json':
        '{"name":"acme-words","version":"3.0.0","main":"words.js"}',
      'node_modules/acme-other/node_modules/acme-words/words.js': "exports.word = 'from another version'",
      'distribution.js': `${distribution()}\n${REQUIRE}
export { other } from 'acme-other'
export const word = () => require('acme-words').word`,
    })
    rmSync(join(at.dir, 'node_modules'), { recursive: true })
    expect(await imported(at, "'not yet'")).toMatchObject({ out: 'not yet\n' })
    expect(await imported(at, "[app.word(), app.other()].join(', ')")).toMatchObject({
      out: 'loaded\nfrom a file of its own, from another version\n',
    })
    const { packages } = JSON.parse(read(at, 'build/distribution.lock.json')) as { packages: { name: string }[] }
    expect(packages.map(({ name }) => name)).toContain('acme-words')
  })

  it('holds what a part that is used loads one day, and nothing that only an unused one would', async () => {
    const of = (name: string, text: string) => ({
      [`node_modules/${name}/package.json`]: packageJson(name, { sideEffects: false }),
      [`node_modules/${name}/index.js`]: text,
    })
    const at = await built({
      ...of('acme-parts', "export { used } from './used.js'\nexport { unused } from './unused.js'"),
      'node_modules/acme-parts/used.js': "export const used = () => import('acme-light').then(({ more }) => more())",
      'node_modules/acme-parts/unused.js': `${REQUIRE}
export const unused = () => [import('acme-heavy'), require('acme-words')]`,
      ...of('acme-light', "export const more = () => import('acme-deep').then(({ word }) => word)"),
      ...of('acme-deep', "export const word = 'of acme-deep'"),
      ...of('acme-heavy', "import 'acme-weight'\nexport const word = 'of acme-heavy'"),
      ...of('acme-weight', "export const word = 'of acme-weight'"),
      ...of('acme-words', "exports.word = 'of acme-words'"),
      'distribution.js': `${distribution()}\nexport { used } from 'acme-parts'`,
    })
    rmSync(join(at.dir, 'node_modules'), { recursive: true })
    expect(await imported(at, 'await app.used()')).toMatchObject({ out: 'of acme-deep\n' })
    const { packages } = JSON.parse(read(at, 'cloned.lock.json')) as { packages: { name: string }[] }
    const names = packages.map(({ name }) => name).filter((name) => name.startsWith('acme-'))
    expect(names).toEqual(['acme-agent', 'acme-deep', 'acme-kms', 'acme-light', 'acme-parts'])
    const code = readdirSync(join(at.dir, 'build/app')).map((name) => read(at, `build/app/${name}`))
    expect(code.filter((text) => /of acme-(?:heavy|weight|words)/.test(text))).toEqual([])
  })

  it('exports what its module does, whatever it is called', async () => {
    const names = `const x = 1\nexport { x as app, x as check, x as delete, x as 'app.x; stop()' }`
    const at = await built({ 'distribution.js': `${distribution()}\n${names}` })
    expect(await imported(at, "[app.app, app.check, app.delete, app['app.x; stop()']].join()")).toMatchObject({
      out: '1,1,1,1\n',
    })
  })

  it('without a bundle is the generated modules beside the packages of the project', async () => {
    const at = project()
    expect(await at.build('--no-bundle')).toMatchObject({ code: 0 })
    expect(readdirSync(join(at.dir, 'build')).sort()).toEqual(['distribution.lock.json', 'index.js', 'package.json'])
    expect(read(at, 'build/index.js')).toContain('import distribution from "../distribution.js"')
    expect(await imported(at, kernel('{}'))).toMatchObject({ out: 'acme.kms,acme.spare\n' })
  })
})

it('the notices hold the licence of everything that is built in, and of nothing else', async () => {
  const at = await builtOnce()
  const text = read(at, 'build/THIRD-PARTY-NOTICES.txt')
  const { packages } = JSON.parse(read(at, 'cloned.lock.json')) as { packages: { name: string; version: string }[] }
  for (const { name, version } of packages.slice(1)) expect(text).toContain(`${name}@${version} (`)
  expect(text).toContain('acme-kms@1.2.0 (ISC)\n\nMay be used by whoever reads this.')
  expect(text).not.toContain('acme-agent')
})
