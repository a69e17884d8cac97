// The way of a vendor and of a user on the command line, from an empty directory to a revoked publisher.
import { cpSync, existsSync } from 'node:fs'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { initWorkspace } from 'cloned/plugins/workspace'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { defaultDistribution } from '../../plugins/default.js'
import { runIn } from './cli-fixture.js'
import { canConfine, NO_SANDBOX } from './connectors-fixture.js'

const distribution = defaultDistribution()
let root = ''
const run = (argv: readonly string[]) => runIn(distribution, root, ['--workspace', root, ...argv])

async function approved(argv: readonly string[]) {
  const waiting = await run([...argv, '--json'])
  expect([argv, waiting.code, waiting.err]).toEqual([argv, 4, ''])
  return await run(['approvals', 'approve', JSON.parse(waiting.out).approval.id])
}

async function installed(source: string, file: string, id: string) {
  const packed = await run(['connectors', 'pack', source, '--out', file])
  expect([packed.code, packed.err]).toEqual([0, ''])
  expect(await run(['connectors', 'sign', file, '--key', 'acme.pem'])).toMatchObject({ code: 0 })
  expect(await approved(['connectors', 'install', file])).toMatchObject({ code: 0 })
  expect(await approved(['connectors', 'enable', id])).toMatchObject({ code: 0 })
}

async function call(tool: string, input: object) {
  const { code, out, err } = await run(['call', tool, '--input', JSON.stringify(input), '--json'])
  return { code, err, output: code === 0 ? JSON.parse(out).output : out }
}

describe.skipIf(!canConfine)(`a connector (skipped only where ${NO_SANDBOX})`, () => {
  beforeAll(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), 'cloned-path-')))
    initWorkspace(root, { type: 'personal', now: Date.now })
  })
  afterAll(() => rm(root, { recursive: true, force: true }))

  it('is begun, with a test that passes', async () => {
    const made = await run(['connectors', 'init', 'weather', '--id', 'acme.weather'])
    expect([made.code, made.err]).toEqual([0, ''])
    expect(existsSync(join(root, 'weather', 'connector.test.js'))).toBe(true)
    expect((await run(['connectors', 'init', 'weather', '--id', 'acme.weather'])).code).toBe(2)
  })

  it('does not run from source before the workspace is one for development', async () => {
    const ran = await run(['connectors', 'dev', 'weather', '--once'])
    expect([ran.code, ran.err]).toEqual([1, expect.stringContaining('UNSIGNED')])
  })

  it('runs from source, loudly', async () => {
    expect((await run(['connectors', 'key', 'acme.pem', '--publisher', 'acme'])).code).toBe(0)
    expect((await approved(['trust', 'add', 'acme.pem.json'])).code).toBe(0)
    expect((await approved(['trust', 'root', '--mode', 'dev'])).code).toBe(0)
    const argv = [
      'connectors',
      'dev',
      'weather',
      '--tool',
      'acme.weather.greet@v1',
      '--input',
      '{"name":"Ada"}',
      '--once',
    ]
    const ran = await run(argv)
    expect([ran.code, ran.err]).toEqual([0, expect.stringContaining('UNSIGNED')])
    expect(ran.out).toContain('Hello, Ada.')
  })

  it('is packed by what its code says, signed, installed, enabled and called', async () => {
    await installed('weather', 'weather.tgz', 'acme.weather')
    expect(await call('connector.acme.weather.greet@v1', { name: 'Ada' })).toMatchObject({
      output: { text: 'Hello, Ada.' },
    })
  })

  it('can be written in Python', async () => {
    cpSync('examples/connector-python-words', join(root, 'words'), { recursive: true })
    await installed('words', 'words.tgz', 'acme.python-words')
    const counted = await call('connector.acme.python-words.count@v1', { text: 'one two two' })
    expect(counted).toMatchObject({ output: { words: 3, most: ['two', 'one'] } })
    const page = await call('connector.acme.python-words.page@v1', { url: 'http://example.com/' })
    expect([page.code, page.output]).toEqual([1, expect.stringMatching(/"code":\s*"PAGE"/)])
  })

  it.each([
    ['connector-http-status', 'acme.http-status', 'check', { urls: ['https://example.com/'] }],
    ['connector-github-issues', 'acme.github-issues', 'list', { owner: 'o', repo: 'r' }],
  ])('is compiled from TypeScript: %s', async (example, id, tool, input) => {
    await installed(join(process.cwd(), 'dist', 'examples', example), `${example}.tgz`, id)
    const { code, output } = await call(`connector.${id}.${tool}@v1`, input)
    // No rule of the policy lets it out.
    expect([code, JSON.stringify(output)]).toEqual([expect.any(Number), expect.stringContaining('rule')])
  })

  it('is not run any more once its publisher is revoked', async () => {
    expect((await approved(['trust', 'revoke', 'publisher', 'acme', '--reason', 'key leaked'])).code).toBe(0)
    const { code, output } = await call('connector.acme.weather.greet@v1', { name: 'Ada' })
    expect([code, output]).toEqual([3, expect.stringContaining('TOOL_UNKNOWN')])
    expect((await run(['connectors', 'show', 'acme.weather'])).out).toContain('key leaked')
  })
})
