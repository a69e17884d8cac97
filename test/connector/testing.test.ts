// The harness for tests of connectors: it allows what a host would, refuses what a host would, and shows all that a tool did.
import { type Connector, defineConnector, defineTool, type ToolContext, ToolError } from 'cloned/connector'
import { type FakeHostOptions, runTool } from 'cloned/connector/testing'
import { describe, expect, it } from 'vitest'

const AUTH = [
  { name: 'key', secret: 'k', place: 'query:key', hosts: ['api.test'] },
  { name: 'any', secret: 'k', place: 'query:key' },
]

function connector(run: (ctx: ToolContext, input: { n: number }) => unknown): Connector {
  const tool = defineTool<{ n: number }>({
    id: 'acme.some.do',
    version: 2,
    title: '',
    description: '',
    input: { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] },
    output: { type: ['string', 'number', 'null', 'array'] },
    risk: 'low',
    capability: 'net.fetch',
    hosts: ['api.test', '*.wild.test', 'ports.test:8443', 'plain.test:80'],
    auth: AUTH,
    run: (input, ctx) => run(ctx, input),
  })
  const about = { id: 'acme.some', version: '1.0.0', publisher: 'acme', title: '', description: '' }
  return defineConnector({ ...about, tools: [tool] })
}

const ran = (run: Parameters<typeof connector>[0], host: FakeHostOptions = {}, input: unknown = { n: 1 }) =>
  runTool(connector(run), 'acme.some.do@v2', input, host)

describe('a request', () => {
  const ok: FakeHostOptions = { fetch: () => ({ body: 'here' }) }

  it.each([
    'https://api.test/x',
    'https://API.test:443/',
    'https://one.wild.test/',
    'https://ports.test:8443/',
    'http://plain.test/',
  ])('to the declared %s is made, and shown', async (url) => {
    const { output, requests } = await ran(async ({ fetch }) => (await fetch(url)).text(), ok)
    expect([output, requests.length]).toEqual(['here', 1])
  })

  it.each([
    'https://other.test/',
    'https://api.test:8443/',
    'http://api.test/',
    'https://two.one.wild.test/',
    'https://wild.test/',
    'https://api.test.evil.test/',
  ])('to %s is refused as by a host, and not made', async (url) => {
    const made: unknown[] = []
    const refused = ran(async ({ fetch }) => (await fetch(url)).text(), { fetch: (request) => void made.push(request) })
    await expect(refused).rejects.toMatchObject({ name: 'ToolError', code: 'EGRESS_DENIED', effect: 'none' })
    expect(made).toEqual([])
  })

  it.each<[string, string, boolean]>([
    ['key', 'https://api.test/', true],
    ['any', 'https://one.wild.test/', true],
    ['key', 'https://one.wild.test/', false],
    ['none', 'https://api.test/', false],
  ])('with the slot %s to %s: %s', async (name, url, allowed) => {
    const asked = ran(async ({ fetch }) => (await fetch(url, { auth: [name] })).text(), ok)
    if (allowed) expect((await asked).requests).toMatchObject([{ auth: [name] }])
    else await expect(asked).rejects.toMatchObject({ code: 'CONNECTOR_AUTH' })
  })

  it('that the test does not answer is refused', async () => {
    const asked = ran(async ({ fetch }) => (await fetch('https://api.test/')).text())
    await expect(asked).rejects.toMatchObject({ code: 'EGRESS_FAILED' })
  })

  it.each<[unknown, number[]]>([
    ['ä', [0xc3, 0xa4]],
    [new Uint8Array([0, 255]), [0, 255]],
    [{ a: 1 }, [...Buffer.from('{"a":1}')]],
    [undefined, []],
  ])('is answered with the bytes of %o', async (body, bytes) => {
    const read = async ({ fetch }: ToolContext) => [
      ...new Uint8Array(await (await fetch('https://api.test/')).arrayBuffer()),
    ]
    expect((await ran(read, { fetch: () => ({ body }) })).output).toEqual(bytes)
  })

  it('may be answered without a body', async () => {
    const status = async ({ fetch }: ToolContext) => (await fetch('https://api.test/')).status
    expect((await ran(status, { fetch: () => ({ status: 204 }) })).output).toBe(204)
  })
})

it('shows progress, diagnostics and artifacts', async () => {
  const { output, progress, logs, artifacts } = await ran(async (ctx) => {
    ctx.progress({ done: 1 })
    ctx.log('warn', 'slow')
    return (await ctx.artifact({ filename: 'a.md', content: '# A', mediaType: 'text/markdown' })).id
  })
  expect({ output, progress, logs, artifacts }).toEqual({
    output: 'art_1',
    progress: [{ done: 1 }],
    logs: [{ level: 'warn', message: 'slow' }],
    artifacts: [{ filename: 'a.md', content: '# A', media_type: 'text/markdown' }],
  })
})

it('refuses what a host refuses: an input or an output against its schema, a tool that is not there', async () => {
  await expect(ran(() => 'x', {}, { n: 'one' })).rejects.toThrow(/the input does not fit its schema: \/n/)
  await expect(ran(() => true)).rejects.toThrow('the output does not fit its schema')
  await expect(
    runTool(
      connector(() => 'x'),
      'acme.some.do@v1',
      {},
    ),
  ).rejects.toThrow('has no tool acme.some.do@v1')
})

it('passes on what the tool throws, and cancels when the test says so', async () => {
  const failed = new ToolError('no', { code: 'NO', effect: 'none' })
  await expect(
    ran(() => {
      throw failed
    }),
  ).rejects.toBe(failed)
  const wait = (ctx: ToolContext) =>
    new Promise((resolve) => ctx.signal.addEventListener('abort', () => resolve('over')))
  const stop = new AbortController()
  const running = ran(wait, { signal: stop.signal })
  stop.abort()
  expect((await running).output).toBe('over')
})
