// The commands about wrapped servers, and their secrets: what is typed is what is asked, and nothing else gets in.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { approvalsSlot } from 'cloned/kernel'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { defaultDistribution } from '../../plugins/default.js'
import type { ServerSpec } from '../../plugins/mcp-upstream/slot.js'
import { describeServer, installFirst, mustBeSound } from '../../plugins/mcp-upstream/spec.js'
import { vaultSlot } from '../../plugins/vault/slot.js'
import { runIn } from './cli-fixture.js'
import { canConfine, NO_SANDBOX } from './connectors-fixture.js'
import { type UpstreamWorld, upstreamWorld } from './mcp-upstream-fixture.js'

const SPEC: ServerSpec & { kind: 'command' } = {
  kind: 'command',
  command: ['node'],
  secrets: {},
  read: [],
  write: [],
  hosts: [],
}

describe('a command that downloads what it runs', () => {
  it.each([
    [
      ['npx', '-y', '@modelcontextprotocol/server-memory@1.2.3'],
      /npm install --prefix DIRECTORY --ignore-scripts @modelcontextprotocol\/server-memory@1\.2\.3\. .*node_modules\/@modelcontextprotocol\/server-memory\//,
    ],
    [['/usr/bin/npx', 'mcp-thing'], /install .* mcp-thing/],
    [['npm', 'exec', 'thing'], /thing/],
    [['pnpm', 'dlx', 'thing'], /thing/],
    [['bunx', 'thing'], /thing/],
    [['uvx', 'mcp-server-git'], /uv tool install mcp-server-git/],
    [['uv', 'tool', 'run', 'mcp-server-git'], /uv tool install mcp-server-git/],
    [['pipx', 'run', 'thing'], /pipx install thing/],
  ])('%j is refused, with how to have it beforehand', (command, way) => {
    expect(installFirst(command)).toMatch(way)
    expect(() => mustBeSound('x', { ...SPEC, command })).toThrow(
      expect.objectContaining({ code: 'MCP_SERVER_REFUSED', help: expect.stringMatching(way) }),
    )
  })

  it.each([
    [['node', '/usr/lib/x.js']],
    [['npm', 'start']],
    [['yarn', 'start']],
    [['uv', 'run', 'x']],
    [['python3', '-m', 'npx']],
  ])('%j is none', (command) => {
    expect(installFirst(command)).toBeUndefined()
  })
})

describe('a description that nobody is asked about', () => {
  it.each([
    ['a dotted name', 'a.b', SPEC, /one word/],
    ['a name in capitals', 'Files', SPEC, /one word/],
    ['an empty name', '', SPEC, /one word/],
    ['a variable of the sandbox', 'x', { ...SPEC, secrets: { https_proxy: 'proxy' } }, /not for programs/],
    ['a variable that loads code', 'x', { ...SPEC, secrets: { LD_PRELOAD: 'proxy' } }, /not for programs/],
    ['a variable that is none', 'x', { ...SPEC, secrets: { 'A B': 'proxy' } }, /not for programs/],
    ['a path that is not there', 'x', { ...SPEC, read: ['/nowhere'] }, /real path/],
    ['a current directory that it cannot see', 'x', { ...SPEC, cwd: '/usr' }, /current directory/],
    ['a program that it cannot see', 'x', { ...SPEC, command: ['node', process.argv[1] ?? ''] }, /could not see/],
    [
      'a password in its address',
      'x',
      { kind: 'url', url: 'https://ann:pw@example.com/', headers: {} },
      /belong in the vault/,
    ],
    ['a user in its address', 'x', { kind: 'url', url: 'https://token@example.com/', headers: {} }, /in the vault/],
    ['an address that is none', 'x', { kind: 'url', url: 'https://a b', headers: {} }, /URL is none/],
  ] as const)('has %s', (_, name, server, says) => {
    expect(() => mustBeSound(name, server as ServerSpec)).toThrow(says)
  })

  it('has no @ that is no user', () => {
    expect(() => mustBeSound('x', { kind: 'url', url: 'https://example.com?to=ann@x.test', headers: {} })).not.toThrow()
  })

  it('is shown with everything in it, words with spaces quoted', () => {
    expect(
      describeServer({
        ...SPEC,
        command: ['sh', '-c', 'rm -rf "$HOME"'],
        secrets: { TOKEN: 'github' },
        hosts: ['api.github.com'],
      }),
    ).toEqual([
      'command: sh -c "rm -rf \\"$HOME\\""',
      'in: an empty directory',
      'reads: none',
      'writes: none',
      'hosts: api.github.com',
      'variables: TOKEN from github',
    ])
  })
})

describe.skipIf(!canConfine)(`the secret of a server (${NO_SANDBOX} otherwise)`, () => {
  const VALUE = 'sk-0123456789-of-the-test'
  let world: UpstreamWorld
  beforeEach(async () => {
    world = await upstreamWorld()
  })
  afterEach(() => world.close())

  const put = async (scope: { hosts: string[]; tools: string[]; slots: string[] }) => {
    const outcome = await world.kernel.service(vaultSlot).put('token', Buffer.from(VALUE), scope, { actor: 'user:ann' })
    if (outcome.status !== 'pending') return outcome
    const by = { id: 'user:ann', claimed: false, osUser: 'ann' }
    return (await world.kernel.service(approvalsSlot).decide(outcome.approval.id, { verdict: 'approve', by })).outcome
  }
  const server = () => ({
    ...world.program(
      'keyed',
      `on['tools/call'] = ({ id, params }) => send({ id, result: text(params.arguments.text === 'length' ? String(process.env.API_TOKEN.length) : process.env.API_TOKEN) })`,
    ),
    secrets: { API_TOKEN: 'token' },
  })
  const scope = { hosts: ['127.0.0.1'], tools: ['mcp.keyed.*'], slots: ['env:API_TOKEN'] }

  it('reaches its environment by name, and nobody by its answers, its command line or the log', async () => {
    expect(await put(scope)).toMatchObject({ status: 'done' })
    await world.ready('keyed', server())
    expect(await world.call('keyed.echo', { text: 'length' })).toMatchObject({
      output: { content: [{ text: String(VALUE.length) }] },
    })
    const shown = await world.call('keyed.echo', { text: 'all' })
    expect(JSON.stringify(shown)).toContain('[REDACTED:vault:token]')
    const { readFileSync } = await import('node:fs')
    for (const file of ['audit.log', 'mcp_servers.yaml']) {
      expect(readFileSync(join(world.root, '.cloned', file), 'utf8')).not.toContain(VALUE)
    }
  })

  it.each([
    ['another server', { tools: ['mcp.other.*'] }],
    ['one tool of it alone', { tools: ['mcp.keyed.echo@v1'] }],
    ['another variable', { slots: ['env:OTHER'] }],
    ['a header', { slots: ['header:authorization'] }],
    ['a host that it does not reach', { hosts: ['api.example.com'] }],
  ])('that is meant for %s does not reach it', async (_, other) => {
    await put({ ...scope, ...other })
    expect(await world.wrap('keyed', server())).toMatchObject({ status: 'failed', code: 'SECRET_DENIED' })
    expect(world.upstreams.servers()).toEqual([])
  })
})

describe.skipIf(!canConfine)(`the commands (${NO_SANDBOX} otherwise)`, () => {
  let world: UpstreamWorld
  beforeAll(async () => {
    world = await upstreamWorld()
  })
  afterAll(() => world.close())

  const run = (line: readonly string[]) =>
    runIn(defaultDistribution(), world.root, ['--workspace', world.root, ...line])

  it('wrap, approve, enable, look, call, compare and unwrap', async () => {
    const { command, read } = world.program('cli', '')
    const wrapped = await run(['mcp', 'wrap', 'cli', '--read', read.join(','), '--', ...command])
    expect(wrapped).toMatchObject({ code: 4 })
    expect(wrapped.err).toContain(command.join(' '))
    const approve = async (text: string) => run(['approvals', 'approve', /ap_[0-9a-zA-Z]+/.exec(text)?.[0] ?? 'none'])
    expect((await run(['mcp', 'list'])).out).toContain('No MCP server is wrapped')
    const approved = await approve(wrapped.err)
    expect(approved).toMatchObject({ code: 0 })
    expect(JSON.parse((await run(['mcp', 'list', '--json'])).out)).toMatchObject({
      servers: [{ status: 'enabled', tools: 0 }],
    })
    expect((await run(['mcp', 'list'])).out).toContain('Agree: cloned mcp enable cli')
    expect((await run(['mcp', 'show', 'cli'])).out).toContain('Agree: cloned mcp enable cli')
    const enabled = await run(['mcp', 'enable', 'cli', 'echo'])
    expect(enabled).toMatchObject({ code: 4 })
    expect(enabled.err).toContain('add echo')
    expect(await approve(enabled.err)).toMatchObject({ code: 0 })
    expect((await run(['mcp', 'show', 'cli'])).out).toContain('mcp.cli.echo@v1')
    expect((await run(['mcp', 'list'])).out).not.toContain('mcp enable')
    expect(await run(['call', 'mcp.cli.echo@v1', '--input', '{"text":"hello"}'])).toMatchObject({
      code: 0,
      out: expect.stringContaining('hello'),
    })
    expect((await run(['mcp', 'diff', 'cli'])).out).toContain('Everything is as it was agreed to')
    world.program('cli', `tools = [{ ...ECHO, description: 'Says it twice.' }]`)
    const diff = await run(['mcp', 'diff', 'cli'])
    expect(diff.out).toContain('/description\n  - "Says it again."\n  + "Says it twice."')
    expect(await run(['call', 'mcp.cli.echo@v1', '--input', '{"text":"hello"}'])).toMatchObject({ code: 1 })
    expect(await run(['mcp', 'unwrap', 'cli'])).toMatchObject({ code: 0 })
    expect(await run(['mcp', 'show', 'cli'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('no MCP server "cli"'),
    })
  }, 60_000)

  it.each([
    ['nothing to start', ['x'], /COMMAND/],
    ['both a command and an address', ['x', '--url', 'https://example.com/mcp', '--', 'node'], /either/],
    ['a path that is not there', ['x', '--read', 'nowhere', '--', 'node'], /not there/],
    ['a path from here', ['x', '--', 'node', './programs'], /whole path/],
    ['a secret without a name', ['x', '--secret', 'TOKEN', '--', 'node'], /--secret takes/],
    ['a variable twice', ['x', '--secret', 'A=one,A=two', '--', 'node'], /names A twice/],
    ['a directory that an unset variable named', ['x', '--cwd', '', '--', 'node'], /a path is empty/],
    ['no address', ['x', '--url', ''], /http or https URL/],
    ['an address of another sort', ['x', '--url', 'file:///etc/passwd'], /http or https URL/],
    ['an address that is none', ['x', '--url', 'https://'], /http or https URL/],
    ['a header twice', ['x', '--url', 'https://example.com/', '--secret', 'X-Key=a,x-key=b'], /names x-key twice/],
    ['directories for an address', ['x', '--url', 'https://example.com/mcp', '--write', '.'], /started here/],
  ])('wrap is refused with %s', async (_, words, says) => {
    const ran = await run(['mcp', 'wrap', ...words])
    expect(ran).toMatchObject({ code: 2, err: expect.stringMatching(says) })
  })

  it('never repeats what may be a secret that was typed in the place of its name', async () => {
    const ran = await run(['mcp', 'wrap', 'x', '--secret', 'sk-0123456789', '--', 'node'])
    expect(`${ran.out}${ran.err}`).not.toContain('sk-0123456789')
  })

  it('takes names with commas in them', async () => {
    mkdirSync(join(world.root, 'a,b'), { recursive: true })
    const ran = await run(['mcp', 'wrap', 'commas', '--read', 'a\\,b,programs', '--', 'true'])
    expect(ran.err).toContain(`reads: ${join(world.root, 'a,b')}, ${join(world.root, 'programs')}`)
  })

  it('makes paths real before anybody is asked', async () => {
    mkdirSync(join(world.root, 'target'), { recursive: true })
    writeFileSync(join(world.root, 'target', 'a'), '')
    symlinkSync(join(world.root, 'target'), join(world.root, 'link'))
    const ran = await run(['mcp', 'wrap', 'links', '--read', 'link', '--', 'true'])
    expect(ran.err).toContain(`reads: ${join(world.root, 'target')}`)
  })
})
