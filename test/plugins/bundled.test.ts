// Needs the build, which bundles the command; whatever starts the command in other tests starts that bundle too.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { initWorkspace } from 'cloned'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { talk } from './mcp-fixture.js'

const DIST = fileURLToPath(new URL('../../dist/', import.meta.url))
const BIN = join(DIST, 'plugins/bin.js')
const APP = join(DIST, 'app')

/** Has a process name every module that it loads, of either kind, on standard error. */
const NAMING = `import Module, { register } from 'node:module'
const hooks = "export async function load(url, context, next) { console.error('loads ' + url); return next(url, context) }"
register('data:text/javascript,' + encodeURIComponent(hooks))
const { _compile } = Module.prototype
Module.prototype._compile = function (text, file) {
  console.error('loads ' + file)
  return _compile.call(this, text, file)
}`

let root = ''
beforeAll(() => {
  // What only compiles leaves a bundle of before.
  const isBundled = existsSync(BIN) && readFileSync(BIN, 'utf8').includes('../app/')
  if (!isBundled) throw new Error(`${BIN} is not bundled: run "npm run build" first`)
  root = mkdtempSync(join(tmpdir(), 'cloned-bundled-'))
  initWorkspace(root, { type: 'personal', now: Date.now })
  writeFileSync(join(root, 'naming.mjs'), NAMING)
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

interface Ended {
  readonly out: string
  readonly err: string
}

function cloned(words: readonly string[], { node = [], env = {} }: { node?: string[]; env?: object } = {}) {
  const options = { cwd: root, env: { ...process.env, ...env } }
  return new Promise<Ended>((resolve) => {
    execFile(process.execPath, [...node, BIN, ...words], options, (_, out, err) => resolve({ out, err }))
  })
}

describe('the command as it is built', () => {
  it.each([
    ['--help'],
    ['plugins', 'list'],
    ['call', 'cloned.internal.fs.list@v1', '--input', '{"path":"."}', '--json'],
  ])('loads its bundle, and of the package and what is bundled with it nothing else: %s', async (...words) => {
    const { out, err } = await cloned(words, { node: ['--import', pathToFileURL(join(root, 'naming.mjs')).href] })
    expect(out).not.toBe('')
    const loaded = [...err.matchAll(/^loads (?:file:\/\/)?(\/.*)$/gm)].map(([, path = '']) => path)
    expect(loaded).toContain(BIN)
    const beside = loaded
      .filter((path) => path.startsWith(DIST) || /node_modules\/(?:ajv|cac|semver|tapable|yaml)\//.test(path))
      .filter((path) => !path.startsWith(APP) && path !== BIN && path !== join(DIST, 'kernel/precompiled.cjs'))
    expect(beside).toEqual([])
  })

  it('shows in a stack where the code was before it was bundled', async () => {
    const { err } = await cloned(['no-such-command'], { env: { CLONED_DEBUG: '1' } })
    expect(err).toMatch(/at findCommand \(.*dist\/plugins\/cli\/parse\.js:\d+:\d+\)/)
    expect((await cloned(['no-such-command'])).err).not.toContain('parse.js')
  })

  it('goes on with its log in a thread, and the log is whole', async () => {
    const child = spawn(process.execPath, [BIN, 'mcp'], { cwd: root, stdio: ['pipe', 'pipe', 'ignore'] })
    const client = talk(
      (text) => child.stdin.write(text),
      child.stdout,
      async () => void child.stdin.end(),
    )
    await client.initialize()
    // Two batches each.
    for (let n = 0; n < 20; n++) {
      const { result } = await client.request('tools/call', { name: 'fs__list', arguments: { path: '.' } })
      expect(result.isError).not.toBe(true)
    }
    const closed = once(child, 'close')
    await client.end()
    await closed
    const verified = JSON.parse((await cloned(['audit', 'verify', '--json'])).out)
    expect(verified).toMatchObject({ ok: true })
    expect(verified.entries).toBeGreaterThan(40)
  })

  it('builds a distribution, by code that is no part of a bundle itself', async () => {
    mkdirSync(join(root, 'node_modules'))
    symlinkSync(join(DIST, '..'), join(root, 'node_modules/cloned'))
    writeFileSync(join(root, 'package.json'), '{"name":"acme-agent","version":"1.0.0","type":"module"}')
    cpSync(join(DIST, '../examples/distributions/minimal/distribution.ts'), join(root, 'distribution.ts'))
    expect((await cloned(['build', 'distribution.ts'])).out).toMatch(/^Built acme-minimal 1\.0\.0/)
    const host = `import { createKernel, default as distribution } from './build/index.js'
      const config = { 'acme.audit': { directory: 'log', keys: 'keys' } }
      console.log(createKernel(distribution, { config }).state)`
    const made = promisify(execFile)(process.execPath, ['--input-type=module', '-e', host], { cwd: root })
    expect((await made).stdout).toBe('planned\n')
  }, 60_000)

  it('names the licence of everything that is in its files', () => {
    const maps = readdirSync(APP).filter((name) => name.endsWith('.map'))
    const sources = maps.flatMap((name): string[] => JSON.parse(readFileSync(join(APP, name), 'utf8')).sources)
    const names = new Set(sources.flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []))
    expect(names.size).toBeGreaterThan(2)
    const notices = readFileSync(join(APP, 'THIRD-PARTY-NOTICES.txt'), 'utf8')
    for (const name of names) expect(notices).toMatch(new RegExp(`^${name}@[\\d.]+ \\(\\S+\\)$`, 'm'))
  })
})
