// The published schema of the worker protocol and what is really written: they hold each other.
import { PassThrough } from 'node:stream'
import { defineConnector, defineTool, ToolError } from 'cloned/connector'
import { compileSchema, type JsonObject, readSchema } from 'cloned/kernel'
import { describe, expect, it } from 'vitest'
import { serveOn } from '../../connector/serve.js'
import { Channel } from '../../plugins/connectors/channel.js'
import { MAX_FETCH_BYTES, validFromWorker } from '../../plugins/connectors/params.js'

const schema = readSchema('tool_call_envelope') as JsonObject & {
  readonly $defs: { readonly [name: string]: JsonObject }
}
const problems = compileSchema(schema)
const part = (name: string) => compileSchema({ $ref: `#/$defs/${name}`, $defs: schema.$defs })

const tool = (word: string, run: Parameters<typeof defineTool>[0]['run']) =>
  defineTool({
    id: `acme.x.${word}`,
    version: 1,
    title: '',
    description: '',
    input: {},
    output: {},
    risk: 'low',
    capability: 'test',
    run,
  })
const connector = defineConnector({
  id: 'acme.x',
  version: '1.0.0',
  publisher: 'acme',
  title: '',
  description: '',
  tools: [
    tool('all', async (_, ctx) => {
      ctx.log('info', 'a line')
      ctx.progress({ done: 1 })
      const options = { method: 'POST', body: new Uint8Array([0xff]), auth: ['token'], maxBytes: 9, timeoutMs: 9 }
      await ctx.fetch('https://example.com/', { ...options, headers: { a: 'b' }, redirect: 'manual' })
      return await ctx.artifact({ filename: 'a.txt', content: 'A', mediaType: 'text/plain' })
    }),
    tool('fail', () => {
      throw new ToolError('no', { code: 'NO', help: 'h', effect: 'none' })
    }),
  ],
})

/** Every line that a host of ours and a worker of the SDK write to each other, in both directions. */
async function conversation(): Promise<JsonObject[]> {
  const [toWorker, toHost] = [new PassThrough(), new PassThrough()]
  const lines: JsonObject[] = []
  for (const stream of [toWorker, toHost]) {
    const write = stream.write.bind(stream)
    stream.write = (chunk: never) => {
      lines.push(
        ...String(chunk)
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as JsonObject),
      )
      return write(chunk)
    }
  }
  const served = serveOn(connector, { input: toWorker, output: toHost })
  const results: Readonly<Record<string, unknown>> = {
    fetch: {
      status: 200,
      url: 'https://example.com/',
      redirected: false,
      headers: [['a', 'b']],
      body: '',
      encoding: 'utf8',
    },
    artifact: { id: 'art_1', path: 'p' },
  }
  const channel = new Channel(
    { stdin: toWorker, stdout: toHost },
    {
      request: async (method) => results[method],
      notice: () => undefined,
      broken: (problem) => {
        throw new Error(problem)
      },
    },
    Date.now,
  )
  const identity = { id: 'acme.x', version: '1.0.0' }
  const initialize = {
    protocol: 1,
    host: { name: 'h', version: '1' },
    connector: identity,
    tools: [],
    max_line_bytes: 9,
  }
  await channel.request('initialize', 'initialize', initialize)
  await channel.request('d', 'describe', {})
  const call = (id: string, word: string) =>
    channel.request(id, 'call', { call_id: id, tool: `acme.x.${word}@v1`, input: {}, deadline_ms: 1000 })
  await call('c1', 'all')
  channel.notify('cancel', { call_id: 'c1' })
  await call('c2', 'fail').catch(() => undefined)
  await channel.request('skew', 'initialize', { ...initialize, protocol: 9 }).catch(() => undefined)
  toWorker.end()
  await served
  return lines
}

describe('the envelope of tool calls', () => {
  it('fits every line that host and SDK write, each kind of them', async () => {
    const lines = await conversation()
    for (const line of lines) expect([line, problems(line)]).toEqual([line, []])
    const kinds = (schema['anyOf'] as { $ref: string }[]).map(({ $ref }) => $ref.slice('#/$defs/'.length))
    const seen = lines.map((line) => String(line['method'] ?? ('result' in line ? 'result' : 'error')))
    expect([...new Set(seen)].sort()).toEqual([...kinds].sort())
  })

  it.each<[string, unknown]>([
    ['another version of JSON-RPC', { jsonrpc: '1.0', id: 1, result: 1 }],
    ['no id', { jsonrpc: '2.0', result: 1 }],
    ['a result and an error', { jsonrpc: '2.0', id: 1, result: 1, error: { code: 1, message: '' } }],
    [
      'a call without its id',
      { jsonrpc: '2.0', id: 'c', method: 'call', params: { tool: 't', input: 1, deadline_ms: 1 } },
    ],
    ['a method that nobody knows', { jsonrpc: '2.0', id: 1, method: 'eval', params: {} }],
    ['a request for progress', { jsonrpc: '2.0', id: 1, method: 'progress', params: { call_id: 'c', message: 1 } }],
    ['a batch', [{ jsonrpc: '2.0', id: 1, result: 1 }]],
  ])('refuses %s', (_, line) => {
    expect(problems(line as JsonObject)).not.toEqual([])
  })

  it('is what the host checks by: the same values pass and fail', () => {
    const fetch = { call_id: 'c', url: 'https://example.com/' }
    const values: readonly (readonly [Parameters<typeof validFromWorker>[0], unknown, boolean])[] = [
      ['fetch_params', fetch, true],
      ['fetch_params', { ...fetch, extra: 1 }, false],
      ['fetch_params', { ...fetch, headers: { a: 1 } }, false],
      ['fetch_params', { ...fetch, max_bytes: MAX_FETCH_BYTES }, true],
      ['fetch_params', { ...fetch, max_bytes: MAX_FETCH_BYTES + 1 }, false],
      ['artifact_params', { call_id: 'c', filename: 'a', content: 1 }, false],
      ['progress_params', { call_id: 'c', message: null }, true],
      ['log_params', { level: 'fatal', message: '' }, false],
      ['call_result', { output: null }, true],
      ['call_result', {}, false],
      ['initialize_result', { protocol: 1, connector: { id: 'a', version: '1' }, tools: 'all' }, false],
    ]
    for (const [name, value, fits] of values) {
      expect([name, value, part(name)(value as JsonObject).length === 0]).toEqual([name, value, fits])
      let passed = true
      try {
        validFromWorker(name, value)
      } catch {
        // That is the refusal.
        passed = false
      }
      expect([name, value, passed]).toEqual([name, value, fits])
    }
  })
})
