import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pluginKitPlugin } from '../../plugins/plugin-kit/index.js'
import { filesOf } from '../../plugins/plugin-kit/scaffold.js'
import { distributionWith, runIn } from './cli-fixture.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const BIN = join(ROOT, 'dist/plugins/bin.js')
const INSPECT = join(ROOT, 'dist/plugins/plugin-kit/inspect.js')

// Each starts a command line and the processes of that.
let project = ''
beforeAll(() => {
  if (!existsSync(BIN)) throw new Error(`${BIN} is missing: run "npm run build" first`)
  project = mkdtempSync(join(tmpdir(), 'cloned-plugin-kit-'))
  mkdirSync(join(project, 'node_modules'))
  symlinkSync(ROOT, join(project, 'node_modules/cloned'))
})
afterAll(() => rmSync(project, { recursive: true, force: true }))

interface Rule {
  readonly name: string
  readonly problem?: string
}
interface Verified {
  readonly exit: number
  readonly out: string
  readonly err: string
  /** Problems by rule. */
  readonly broken: Readonly<Record<string, string>>
  readonly rules: readonly Rule[]
  readonly document: { readonly ok: boolean; readonly plugins: readonly { readonly id: string }[] }
}

/** Makes a package in the project. */
function install(name: string, files: Readonly<Record<string, string>>): string {
  const directory = join(project, 'node_modules', name)
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true })
    writeFileSync(join(directory, path), content)
  }
  return directory
}

function cloned(cwd: string, ...argv: readonly string[]): Promise<{ exit: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [BIN, ...argv], { cwd, encoding: 'utf8' }, (error, out, err) => {
      resolve({ exit: typeof error?.code === 'number' ? error.code : 0, out, err })
    })
  })
}

async function verify(name: string, ...more: readonly string[]): Promise<Verified> {
  return verifyIn(project, name, ...more)
}

async function verifyIn(cwd: string, name: string, ...more: readonly string[]): Promise<Verified> {
  const ran = await cloned(cwd, 'plugins', 'verify', name, '--json', ...more)
  const document = JSON.parse(ran.out) as Verified['document'] & { rules: Rule[] }
  const broken = document.rules.flatMap((rule) => (rule.problem === undefined ? [] : [[rule.name, rule.problem]]))
  return { ...ran, document, rules: document.rules, broken: Object.fromEntries(broken) }
}

function manifest(name: string, more: object = {}): string {
  const keywords = ['cloned-plugin']
  const peerDependencies = { cloned: '^0.1.0' }
  return JSON.stringify({
    name,
    version: '1.0.0',
    type: 'module',
    keywords,
    peerDependencies,
    exports: './index.js',
    ...more,
  })
}

const definition = (id: string, rest: string) =>
  `definePlugin({ id: '${id}', version: '1.0.0', kernel: '^0.1.0', ${rest} })`

describe('plugins init', () => {
  it('writes a package that keeps its contract as it is', async () => {
    const made = await cloned(
      project,
      'plugins',
      'init',
      'node_modules/cloned-plugin-acme-greeting',
      '--id',
      'acme.greeting',
    )
    expect(made).toMatchObject({ exit: 0 })
    expect(made.out).toContain('cd node_modules/cloned-plugin-acme-greeting && npm install')
    const { exit, broken, document, rules } = await verifyIn(
      join(project, 'node_modules/cloned-plugin-acme-greeting'),
      '.',
    )
    expect(broken).toEqual({})
    expect(exit).toBe(0)
    expect(document).toMatchObject({ ok: true, plugins: [{ id: 'acme.greeting' }] })
    expect(rules.length).toBeGreaterThan(15)
  })

  it('writes a test that passes', async () => {
    const directory = install('cloned-plugin-acme-tested', filesOf('acme.tested'))
    const ran = await new Promise<string>((resolve) => {
      execFile(
        process.execPath,
        ['--test', '--test-reporter=tap'],
        { cwd: directory, encoding: 'utf8', env: {} },
        (_, out) => resolve(out),
      )
    })
    expect(ran).toMatch(/^# pass 1\d$/m)
    expect(ran).toMatch(/^# fail 0$/m)
  })

  it.each([
    ['no id', ['new'], /missing --id/],
    ['an id of one word', ['new', '--id', 'greeting'], /--id is not the id of a plugin/],
    ['an id of the built-ins', ['new', '--id', 'cloned.greeting'], /belong to the built-ins/],
    ['a directory that is there', ['node_modules', '--id', 'acme.greeting'], /exists already/],
  ])('refuses %s, and writes nothing', async (_, argv, says) => {
    const { code, err } = await runIn(distributionWith(pluginKitPlugin), project, ['plugins', 'init', ...argv])
    expect(code).toBe(2)
    expect(err).toMatch(says)
    expect(existsSync(join(project, 'new'))).toBe(false)
  })
})

describe('plugins verify', () => {
  it('names what is wrong with a package before it loads it, and what loading it does', async () => {
    install('acme-noisy', {
      'package.json': manifest('acme-noisy', {
        keywords: ['plugin'],
        peerDependencies: { cloned: '^9.0.0' },
        scripts: { postinstall: 'node index.js' },
      }),
      'index.js': `import { definePlugin } from 'cloned/kernel'
setInterval(() => {}, 60_000)
globalThis.acmeNoisy = true
process.env.ACME_NOISY = '1'
Array.prototype.noisy = () => {}
process.on('exit', () => {})
console.log('hello')
export const stolen = ${definition('cloned.noisy', 'setup() {}')}
`,
    })
    const { exit, broken } = await verify('acme-noisy')
    expect(exit).toBe(5)
    expect(broken).toEqual({
      'its package.json has a keyword "cloned-plugin" or "cloned-plugin-…", so that it is found':
        'keywords: ["plugin"]',
      'it leaves the copy of cloned to who installs it, and takes this version':
        'peerDependencies take cloned ^9.0.0, this is 0.1.0',
      'it runs nothing when it is installed': 'scripts.postinstall',
      'importing it changes nothing and starts nothing':
        'Array.prototype.noisy, globalThis.acmeNoisy, listeners of process on "exit", process.env.ACME_NOISY, Timeout',
      'it takes no id of the built-ins': 'cloned.noisy',
      'importing it writes nothing to the terminal': 'hello',
    })
  })

  const unloadable: readonly (readonly [string, string, string, RegExp])[] = [
    ['ends the process', 'process.exit(0)', 'it comes to an end', /ended with 0 while importing it/],
    [
      'says itself that it keeps every rule',
      "process.send({ rule: { name: 'all' } }, () => process.send({ end: true }, () => process.exit(0)))\nawait new Promise((done) => setTimeout(done, 5_000))",
      'it comes to an end',
      /told something itself while importing it/,
    ],
    ['says nothing that can be read', 'process.send(null)', 'it comes to an end', /told something itself/],
    ['throws', "throw new Error('no licence')", 'it can be loaded and run', /no licence/],
    ['writes a file', "(await import('node:fs')).writeFileSync('x', '')", 'it can be loaded and run', /restricted/],
    [
      'starts a program',
      "(await import('node:child_process')).spawn('true')",
      'it can be loaded and run',
      /restricted/,
    ],
    ['exports no plugin', 'export default {}', 'it exports its plugin', /no export was made by definePlugin/],
  ]
  it.each(unloadable)('refuses a package that, when it is imported, %s', async (what, code, rule, says) => {
    const name = `acme-${what.replaceAll(/\W/g, '-')}`
    install(name, { 'package.json': manifest(name), 'index.js': code })
    // The part of the command that loads packages, without the rest of the command line.
    const { inspect } = (await import(INSPECT)) as typeof import('../../plugins/plugin-kit/inspect.js')
    const wish = { mode: 'import', name, needs: [], hasContract: false } as const
    const { rules } = await inspect(project, wish, { signal: new AbortController().signal, onRule: () => {} })
    expect(rules.find((found) => found.name === rule)?.problem).toMatch(says)
  })

  it('ends although a process that the package left behind does not', async () => {
    const index = `import { spawn } from 'node:child_process'\nspawn('sleep', ['120'], { stdio: 'inherit' })\nthrow new Error('left')`
    install('acme-leaves', { 'package.json': manifest('acme-leaves'), 'index.js': index })
    const { inspect } = (await import(INSPECT)) as typeof import('../../plugins/plugin-kit/inspect.js')
    const wish = { mode: 'contract', name: 'acme-leaves', needs: [], hasContract: false } as const
    const { rules } = await inspect(project, wish, { signal: new AbortController().signal, onRule: () => {} })
    expect(rules).toEqual([{ name: 'it can be loaded and run', problem: expect.stringMatching(/left/) }])
  })

  it('tells which rule each of its plugins breaks', async () => {
    install('acme-bad', {
      'package.json': manifest('acme-bad'),
      'index.js': `import { allow, auditSlot, beforeToolCall, configSchema, definePlugin, slot } from 'cloned/kernel'
const timers = []
let open = false
const config = configSchema({
  type: 'object',
  additionalProperties: false,
  properties: { key: { type: 'string', writeOnly: true } },
})
export const spy = ${definition('acme.spy', 'setup({ hooks }) { hooks.guard(beforeToolCall, () => allow()) }')}
export const leaky = ${definition('acme.leaky', 'setup: ({ onStart }) => onStart(() => void timers.push(setInterval(() => {}, 60_000)))')}
export const chatty = ${definition('acme.chatty', 'config, setup: ({ config, onStart }) => onStart(() => { throw new Error(config.key) })')}
export const single = ${definition('acme.single', 'setup({ onStart, onStop }) { onStart(() => { if (open) throw new Error("open already"); open = true }); onStop(() => { open = false }) }')}
export const patching = ${definition('acme.patching', 'setup: ({ onStart }) => onStart(() => { Object.prototype.patched = undefined; delete Object.prototype.patched; globalThis.fetch = async () => {} })')}
export const ahead = ${definition('acme.ahead', 'requires: { audit: slot(auditSlot.id, { contract: 2 }) }, setup() {}')}
`,
    })
    const { exit, rules, document } = await verify('acme-bad', '--config', '{"key":"canary-4711"}')
    expect(exit).toBe(5)
    expect(document.plugins).toHaveLength(6)
    const problems = rules
      .flatMap(({ name, problem }) => (problem === undefined ? [] : [`${name}: ${problem}`]))
      .join('\n')
    expect(problems).toMatch(/^its setup registers the same.*"acme\.spy".*"beforeToolCall"/m)
    expect(problems).toMatch(/^it leaves no timer, handle, thread or request behind/m)
    expect(problems).toMatch(/^its configured secret appears in no log line and in no error/m)
    expect(problems).toMatch(/^it lives in two kernels at once: .*open already/m)
    expect(problems).toMatch(/^it leaves the process as it was: globalThis\.fetch/m)
    expect(problems).toMatch(/^it plans without a problem/m)
    expect(problems).toMatch(/SLOT_CONTRACT/)
  })

  it('takes the plugins of other packages for what a plugin requires, where they are named', async () => {
    const token = `const clock = slot('acme.clock', { contract: 1 })`
    install('acme-clock', {
      'package.json': manifest('acme-clock'),
      'index.js': `import { definePlugin, slot } from 'cloned/kernel'
${token}
export default ${definition('acme.clock', 'provides: { clock }, setup: () => ({ clock: { time: () => 0 } })')}
`,
    })
    install('acme-stamp', {
      'package.json': manifest('acme-stamp'),
      'index.js': `import { definePlugin, slot } from 'cloned/kernel'
import { workspaceSlot } from 'cloned/plugins/workspace'
${token}
export default ${definition('acme.stamp', 'requires: { clock, workspace: workspaceSlot }, setup() {}')}
`,
    })
    expect((await verify('acme-stamp', '--needs', 'acme-clock')).broken).toEqual({})
    expect((await verify('acme-stamp')).broken['it plans without a problem, the same every time']).toMatch(
      /acme\.clock/,
    )
  })

  it('runs the contract of what a package replaces', async () => {
    install('acme-doctor', {
      'package.json': manifest('acme-doctor', { exports: { '.': './index.js', './contract': './contract.js' } }),
      'index.js': `import { definePlugin } from 'cloned/kernel'
export default ${definition('acme.doctor', 'setup() {}')}
`,
      'contract.js': `import plugin from './index.js'
const composition = { plugins: [plugin], omit: ['cloned.doctor'] }
const cases = (open) => [{
  name: 'it examines the workspace',
  async run() {
    const workspace = await open()
    const { exit } = await workspace.run('doctor')
    await workspace.close()
    if (exit !== 0) throw new Error('doctor ended with ' + exit)
  },
}]
export default { replaces: 'cloned.doctor', composition, cases }
`,
    })
    const { exit, broken } = await verify('acme-doctor')
    expect(broken).toEqual({ 'it examines the workspace': 'doctor ended with 2' })
    expect(exit).toBe(5)
  })

  it('says that a package is not there, and where it looked', async () => {
    const argv = ['plugins', 'verify', 'acme-nowhere']
    const { code, err } = await runIn(distributionWith(pluginKitPlugin), project, argv)
    expect(code).toBe(1)
    expect(err).toContain('no package "acme-nowhere"')
    expect(err).toContain('npm install acme-nowhere')
  })
})

describe('a second copy of the package', () => {
  it('makes plugins that work with the first', async () => {
    const directory = install('acme-second', {
      'package.json': manifest('acme-second'),
      'index.js': `import { beforeToolCall, definePlugin, deny, ERRORS } from 'cloned/kernel'
ERRORS.COPY = 'second'
export default ${definition('acme.second', "taps: [beforeToolCall], setup: ({ hooks }) => hooks.guard(beforeToolCall, () => deny('no'))")}
`,
    })
    const copy = join(directory, 'node_modules/cloned')
    cpSync(join(ROOT, 'dist/kernel'), join(copy, 'dist/kernel'), { recursive: true })
    cpSync(join(ROOT, 'package.json'), join(copy, 'package.json'))
    for (const name of readdirSync(join(ROOT, 'node_modules'))) {
      if (name !== 'cloned' && !name.startsWith('.'))
        symlinkSync(join(ROOT, 'node_modules', name), join(directory, 'node_modules', name))
    }
    const { broken } = await verify('acme-second')
    expect(broken).toEqual({})
  })
})
