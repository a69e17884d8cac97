import { appendFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { cleanUp, Project } from '../../test/plugins/builder-fixture.js'

afterAll(cleanUp)

/** Packages that come with the built-in HTTP API. */
const FASTIFY = /fastify|light-my-request|find-my-way|^pino$/

async function built(name: string, prepare = (project: Project) => project): Promise<Project> {
  const project = prepare(new Project().copy(`examples/distributions/${name}`, '.'))
  const { code, err } = await project.build('distribution.ts')
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return project
}

/** Which of these words stand in anything that a build loads. */
function namedIn(project: Project, words: readonly string[]): readonly string[] {
  const { files } = JSON.parse(readFileSync(join(project.dir, 'build/distribution.lock.json'), 'utf8'))
  const paths = Object.keys(files).filter((path) => /^(?:app|packages)\/.*\.js$/.test(path))
  expect(paths.length).toBeGreaterThan(10)
  const code = paths.map((path) => readFileSync(join(project.dir, 'build', path), 'utf8')).join('\n')
  return words.filter((word) => code.includes(word))
}

function packagesOf(project: Project): readonly string[] {
  const { packages } = JSON.parse(readFileSync(join(project.dir, 'cloned.lock.json'), 'utf8'))
  return packages.map(({ name }: { name: string }) => name)
}

/** Runs the program of a build. Every one of them has what a person needs to look at it. */
async function commandLine(project: Project, program = 'build/main.js') {
  const run = (...argv: string[]) => project.node([program, ...argv])
  const json = async (...argv: string[]) => JSON.parse((await run(...argv, '--json')).out)
  expect(await run('--version')).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
  expect(await run('init', '--type', 'personal')).toMatchObject({ code: 0 })
  const listed = await json('plugins', 'list')
  const ids: readonly string[] = listed.plugins.map(({ id }: { id: string }) => id)
  return { run, json, ids, doctor: () => json('doctor') }
}

/** A change is told as every command tells its errors. */
async function refusesChanged(project: Project, program: string, path: string): Promise<void> {
  appendFileSync(join(project.dir, program.replace('main.js', path)), ' ')
  const { code, out, err } = await project.node([program, 'doctor', '--json'])
  expect({ code, err, document: JSON.parse(out) }).toEqual({
    code: 5,
    err: '',
    document: {
      error: {
        code: 'BUILD_TAMPERED',
        message: `${path} is not the file that was built.`,
        help: 'Take the build from where it was made again.',
      },
    },
  })
  expect(await project.node([program, 'call', '--', '--json'])).toMatchObject({
    code: 5,
    out: '',
    err: expect.stringMatching(/^error BUILD_TAMPERED .*\n {2}Take the build/),
  })
}

/** A governed call of a built-in tool, as an agent. */
const LIST = ['call', 'cloned.internal.fs.list@v1', '--input', '{"path":"."}', '--actor', 'agent:demo']
const write = (path: string, content: string) => [
  ...['call', 'cloned.internal.fs.write@v1', '--input', JSON.stringify({ path, content }), '--actor', 'agent:demo'],
]

describe('minimal', () => {
  it('is a library under 1 MB that runs an allowed call, denies any other, and keeps an unbroken log', async () => {
    const project = await built('minimal')
    project.write({
      'host.mjs': `
        import distribution, { createKernel, definePlugin, defineTool, toolsCollection } from './build/index.js'
        const tool = (id) => defineTool({
          id, title: 'Greet', description: 'Greets.', risk: 'low', capability: 'greet', output: { type: 'string' },
          input: { type: 'object', additionalProperties: false }, handler: async () => 'hello from ' + id,
        })
        const host = definePlugin({
          id: 'host.tools', version: '1.0.0', kernel: '^0.1.0', contributes: { tools: toolsCollection },
          setup: () => ({ tools: [tool('host.tools.greet@v1'), tool('host.tools.shout@v1')] }),
        })
        const kernel = createKernel({ ...distribution, plugins: [...distribution.plugins, host] }, {
          config: {
            'acme.audit': { directory: './log', keys: './keys' },
            'acme.policy': { allow: ['host.tools.greet@v1'] },
          },
        })
        await kernel.start()
        for (const tool of ['host.tools.greet@v1', 'host.tools.shout@v1']) {
          const { status, output } = await kernel.call({ tool, input: {}, actor: 'agent:demo' })
          console.log(status, output ?? '')
        }
        await kernel.stop()
      `,
      'log/.keep': '',
      'keys/.keep': '',
    })
    expect(await project.node(['host.mjs'])).toEqual({
      code: 0,
      err: '',
      out: 'done hello from host.tools.greet@v1\ndenied \n',
    })
    const recorded = readFileSync(join(project.dir, 'log/audit.log'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(recorded.map(({ type }) => type).filter((type) => type.startsWith('tool.'))).toEqual([
      'tool.intent',
      'tool.outcome',
      'tool.outcome',
    ])
    const { files } = JSON.parse(readFileSync(join(project.dir, 'build/distribution.lock.json'), 'utf8'))
    const code = Object.keys(files).filter((path) => /^(?:app|packages)\/.*(?<!\.map)$/.test(path))
    const bytes = code.reduce((sum, path) => sum + readFileSync(join(project.dir, 'build', path)).length, 0)
    expect(bytes).toBeLessThan(1_000_000)
  })
})

describe('headless-ci', () => {
  it('denies at once what would ask, keeps its own guard, and cannot be talked out of it', async () => {
    const project = await built('headless-ci')
    const { run, ids, doctor } = await commandLine(project)
    expect(ids).toContain('acme.branch-guard')
    expect(ids.filter((id) => /approvals|api|pairing|webhooks/.test(id))).toEqual([])
    expect(await run(...LIST)).toMatchObject({ code: 0 })
    expect(await run(...write('notes.md', 'hello'))).toMatchObject({ code: 3 })
    expect(await run(...write('.github/workflows/ci.yml', 'jobs: {}'))).toMatchObject({
      code: 3,
      err: expect.stringContaining('not for pipelines'),
    })
    expect(await project.node(['build/main.js', ...LIST], { CLONED_OFF: 'acme.branch-guard' })).toMatchObject({
      code: 1,
      err: expect.stringContaining('GUARD_MISSING'),
    })
    expect(await doctor()).toMatchObject({ ok: true })
  })
})

describe('enterprise', () => {
  it('copies its log, stops leaks, knows one vault, and serves its own routes', async () => {
    const project = await built('enterprise')
    const { run, ids, doctor } = await commandLine(project)
    expect(ids.filter((id) => id.startsWith('cloned.vault-'))).toEqual(['cloned.vault-openbao'])
    expect(namedIn(project, ['x-vault-token', '@napi-rs/keyring', 'vault.azure.net'])).toEqual(['x-vault-token'])
    const copy = join(project.dir, 'second/audit.jsonl')
    project.write({ 'tuned.yaml': `acme.audit-copy:\n  file: ${JSON.stringify(copy)}\n` })
    const tuned = (...argv: string[]) => project.node(['build/main.js', ...argv], { CLONED_CONFIG: 'tuned.yaml' })
    expect(await tuned(...LIST)).toMatchObject({ code: 0 })
    const copied = readFileSync(copy, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).record.type)
    expect(copied).toEqual(expect.arrayContaining(['tool.intent', 'tool.outcome']))
    const leak = await run(...write('cards.txt', 'pay with 4111 1111 1111 1111'))
    expect(leak).toMatchObject({ code: 3, err: expect.stringContaining('payment card') })
    expect(leak.err).not.toContain('4111')
    // A number that is merely long is asked about as every write is, and reaches nobody: no service is configured.
    expect(await run(...write('numbers.txt', '4111 1111 1111 1112'))).toMatchObject({ code: 4 })
    project.write({
      'routes.mjs': `
        import distribution, { createKernel } from './build/index.js'
        const kernel = createKernel(distribution)
        await kernel.start()
        const { paths } = await kernel.service({ kind: 'slot', id: 'cloned.api', contract: 1 }).document()
        console.log(Object.keys(paths).join())
        await kernel.stop()
      `,
    })
    expect((await project.node(['routes.mjs'])).out).toContain('/acme/guards')
    const { checks } = await doctor()
    const failed = checks.filter(({ level }: { level: string }) => level === 'fail')
    // Where the secrets are is for the workspace to say: there is no OpenBao here.
    expect(failed).toMatchObject([{ id: 'vault.health' }])
  })
})

describe('no-http', () => {
  it('runs without its API, and has no command to serve it', async () => {
    const project = await built('no-http')
    const { run, ids, doctor } = await commandLine(project)
    expect(ids).not.toContain('cloned.api')
    expect(packagesOf(project)).toContain('undici')
    expect(packagesOf(project).filter((name) => FASTIFY.test(name))).toEqual([])
    expect(namedIn(project, ['fastify', 'Fastify', 'undici'])).toEqual(['undici'])
    expect(await run('serve')).toMatchObject({ code: 2, err: expect.stringContaining('COMMAND_UNKNOWN') })
    expect(await run(...LIST)).toMatchObject({ code: 0 })
    expect(await run('build')).toMatchObject({ code: 2 })
    expect(await doctor()).toMatchObject({ ok: true })
    await refusesChanged(project, 'build/main.js', 'app/entry.js')
  })
})

describe('a build as one file', () => {
  const single = async (...argv: string[]) => {
    const project = new Project().copy('examples/distributions/no-http', '.')
    expect(await project.build('distribution.ts', '--single-file', ...argv)).toMatchObject({ code: 0, err: '' })
    return project
  }

  it('is the program with its addon, which refuses to start once it was changed', async () => {
    const project = await single()
    const { run, doctor } = await commandLine(project, 'build.mjs')
    expect(await run(...LIST)).toMatchObject({ code: 0 })
    expect(await doctor()).toMatchObject({ ok: true })
    await refusesChanged(project, 'build.mjs', 'build.mjs')
  })

  it('walks the quickstart without it where Node has what serves, and says else what is missing', async () => {
    const project = await single('--no-addons')
    expect(await project.node(['build.mjs', '--version'])).toMatchObject({ code: 0, out: '1.0.0\n' })
    const [major = 0, minor = 0, patch = 0] = (process.versions['sqlite'] ?? '0').split('.').map(Number)
    const serves = major * 1e6 + minor * 1e3 + patch >= 3_051_003
    expect(await project.node(['build.mjs', 'quickstart'])).toMatchObject(
      serves
        ? { code: 0, out: expect.stringContaining('build.mjs --help') }
        : { code: 1, err: expect.stringMatching(/BUILD_NODE .*sqlite 3\.51\.3 or newer/) },
    )
  })
})

describe('own-api', () => {
  it('serves the API of a stranger in the place of the built-in one, and carries nothing of that', async () => {
    const project = await built('own-api', (at) =>
      at.copy('dist/examples/replace/api', 'node_modules/cloned-plugin-acme-api'),
    )
    const { run, ids, json } = await commandLine(project)
    expect(ids).toContain('acme.api')
    expect(ids).not.toContain('cloned.api')
    const lock = JSON.parse(readFileSync(join(project.dir, 'cloned.lock.json'), 'utf8'))
    expect(lock.owners['cloned.api']).toBe('acme.api')
    expect(packagesOf(project)).toContain('cloned-plugin-acme-api')
    expect(packagesOf(project).filter((name) => FASTIFY.test(name))).toEqual([])
    expect(namedIn(project, ['fastify', 'Fastify', 'acme.api'])).toEqual(['acme.api'])
    expect(await run(...LIST)).toMatchObject({ code: 0 })
    expect((await json('doctor')).checks.length).toBeGreaterThan(10)
  })
})

describe('--with', () => {
  it('is the default distribution and the plugins of a package, with no file to write', async () => {
    const project = new Project().write({
      'node_modules/acme-guard/package.json':
        '{"name":"acme-guard","version":"2.0.0","type":"module","exports":"./index.js"}',
      'node_modules/acme-guard/index.js': `import { beforeToolCall, definePlugin, deny } from 'cloned/kernel'
        export const guard = definePlugin({
          id: 'acme.guard', version: '2.0.0', kernel: '^0.1.0', stability: 'stable', taps: [beforeToolCall],
          setup({ hooks }) { hooks.guard(beforeToolCall, ({ input }) => input.path === 'secret' ? deny('not that') : undefined) },
        })`,
    })
    expect(await project.build('--with', 'acme-guard')).toMatchObject({ code: 0, err: '' })
    const { run, json, doctor } = await commandLine(project)
    const listed = await json('plugins', 'list')
    expect(listed.plugins.find(({ id }: { id: string }) => id === 'acme.guard')).toMatchObject({
      version: '2.0.0',
      stability: 'stable',
    })
    expect(await run(...LIST)).toMatchObject({ code: 0 })
    expect(await run('call', 'cloned.internal.fs.list@v1', '--input', '{"path":"secret"}')).toMatchObject({
      code: 3,
      err: expect.stringContaining('not that'),
    })
    expect(await run('build')).toMatchObject({ code: 1, err: expect.stringContaining('BUILD_IN_BUILD') })
    expect(await run('plugins', 'verify', 'acme-guard')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/BUILD_IN_BUILD .*verify packages[\s\S]*npx cloned plugins verify/),
    })
    expect(await run('quickstart')).toMatchObject({ code: 0 })
    expect(await doctor()).toMatchObject({ ok: true })
  })
})
