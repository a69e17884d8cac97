// Servers that others wrote, wrapped and governed: what they do is theirs, what they may do is not.
import { readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { beforeToolCall, definePlugin, type JsonObject } from 'cloned/kernel'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RelayOptions, ServerSpec } from '../../plugins/mcp-upstream/slot.js'
import { canConfine, NO_SANDBOX } from './connectors-fixture.js'
import { type UpstreamWorld, upstreamWorld } from './mcp-upstream-fixture.js'

const require = createRequire(import.meta.url)
const main = (manifest: string) => realpathSync(join(dirname(manifest), 'dist', 'index.js'))
const FILESYSTEM = main(require.resolve('@modelcontextprotocol/server-filesystem/package.json'))
const MEMORY = main(require.resolve('@modelcontextprotocol/server-memory/package.json'))
const EVERYTHING = main(require.resolve('@modelcontextprotocol/server-everything/package.json'))

describe.skipIf(!canConfine)(`a server of others (${NO_SANDBOX} otherwise)`, () => {
  let world: UpstreamWorld
  let attending: Pick<RelayOptions, 'answer' | 'onProgress'> | undefined
  beforeAll(async () => {
    const attend = definePlugin({
      id: 'test.attend',
      version: '1.0.0',
      kernel: '^0.1.0',
      taps: [beforeToolCall],
      setup({ hooks }) {
        hooks.guard(beforeToolCall, ({ callId }) => {
          if (attending) world.upstreams.attend(callId, attending)
          return undefined
        })
      },
    })
    world = await upstreamWorld({ plugins: [attend] })
    const modules = dirname(dirname(dirname(dirname(MEMORY))))
    const spec = (command: readonly string[]): ServerSpec => ({
      kind: 'command',
      command,
      secrets: {},
      read: [realpathSync(modules)],
      write: [world.seen],
      hosts: [],
    })
    writeFileSync(join(world.seen, 'note.txt'), 'a note')
    const memory = `MEMORY_FILE_PATH=${join(world.seen, 'memory.jsonl')}`
    await world.ready('files', spec(['node', FILESYSTEM, world.seen]))
    await world.ready('memory', spec(['env', memory, 'node', MEMORY]))
    await world.ready('everything', spec(['node', EVERYTHING, 'stdio']))
  }, 60_000)
  afterAll(() => world.close())

  it('has every one of its tools at the gate', () => {
    const count = (name: string) => world.upstreams.servers().find((each) => each.name === name)?.tools.length
    expect(count('files')).toBe(14)
    expect(count('memory')).toBe(9)
    expect(count('everything')).toBeGreaterThanOrEqual(13)
  })

  it('filesystem reads unasked, writes when a person agrees, and goes nowhere else', async () => {
    const read = (path: string) =>
      world.kernel.call({ tool: 'mcp.files.read_text_file@v1', input: { path }, actor: 'agent:tester' })
    const output = { content: [{ type: 'text', text: 'a note' }], structuredContent: { content: 'a note' } }
    expect(await read(join(world.seen, 'note.txt'))).toMatchObject({ status: 'done', output })
    expect(await read(join(world.root, '.cloned', 'config.yaml'))).toMatchObject({
      status: 'done',
      output: { isError: true },
    })
    const path = join(world.seen, 'new.txt')
    const asked = await world.kernel.call({
      tool: 'mcp.files.write_file@v1',
      input: { path, content: 'x' },
      actor: 'agent:tester',
    })
    expect(asked).toMatchObject({ status: 'pending' })
    expect(await world.call('files.write_file', { path, content: 'made' })).toMatchObject({ status: 'done' })
    expect(readFileSync(path, 'utf8')).toBe('made')
  })

  it('memory keeps what it is told, where it may', async () => {
    const entities = [{ name: 'Ann', entityType: 'person', observations: ['likes tea'] }]
    expect(await world.call('memory.create_entities', { entities })).toMatchObject({ status: 'done' })
    expect(await world.call('memory.read_graph')).toMatchObject({
      status: 'done',
      output: { structuredContent: { entities } },
    })
    expect(readFileSync(join(world.seen, 'memory.jsonl'), 'utf8')).toContain('likes tea')
    expect(await world.call('memory.create_entities', { entities: [{ name: 'Ann' }] })).toMatchObject({
      code: 'INPUT_INVALID',
    })
  })

  it('everything answers, reports progress, and asks its client', async () => {
    const structured = await world.call('everything.get-structured-content', { location: 'New York' })
    expect(structured).toMatchObject({
      status: 'done',
      output: { structuredContent: { temperature: expect.any(Number) } },
    })
    const progress: unknown[] = []
    const onProgress = (message: unknown) => void progress.push(message)
    await world.call('everything.trigger-long-running-operation', { duration: 0.4, steps: 2 }, { onProgress })
    expect(progress).toMatchObject([
      { progress: 1, total: 2 },
      { progress: 2, total: 2 },
    ])
    const asked: [string, JsonObject][] = []
    attending = {
      answer: async (method, params) => {
        asked.push([method, params as JsonObject])
        return { role: 'assistant', model: 'test', content: { type: 'text', text: 'from the model' } }
      },
    }
    const sampled = await world.call('everything.trigger-sampling-request', { prompt: 'say' })
    attending = undefined
    expect(asked).toMatchObject([['sampling/createMessage', {}]])
    expect(JSON.stringify(sampled)).toContain('from the model')
  })

  it('everything has its resources and prompts relayed', async () => {
    const { upstreams } = world
    const { resources } = await upstreams.request('everything', 'resources/list', {})
    expect((resources as unknown[]).length).toBeGreaterThan(3)
    const { prompts } = await upstreams.request('everything', 'prompts/list', {})
    expect(prompts).toContainEqual(expect.objectContaining({ name: 'simple-prompt' }))
    expect(await upstreams.request('everything', 'prompts/get', { name: 'simple-prompt' })).toMatchObject({
      messages: [{ role: 'user' }],
    })
    const about = upstreams.servers().find(({ name }) => name === 'everything')?.about
    expect(about).toMatchObject({ capabilities: { resources: { subscribe: true } } })
    const requests = (await world.records('mcp.intent')).filter(({ kind }) => kind === 'mcp.request')
    expect(requests.length).toBeGreaterThanOrEqual(3)
  })
})
