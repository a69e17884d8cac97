// Connectors through the gate: real workers in the real sandbox, good ones and bad ones.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectorsSlot } from '../../plugins/connectors/slot.js'
import { type ConnectorsWorld, canConfine, connectorsWorld, NO_SANDBOX } from './connectors-fixture.js'

const SDK = `
import { defineConnector, defineTool, serve, ToolError } from 'cloned/connector'
const tool = (word, run) => defineTool({ id: 'acme.good.' + word, version: 1, title: word, description: '',
  input: { type: 'object' }, output: {}, risk: 'low', capability: 'test', run })
serve(defineConnector({ id: 'acme.good', version: '1.0.0', publisher: 'acme', title: '', description: '', tools: [
  tool('echo', (input) => { console.log('printed'); return input }),
  tool('fail', () => { throw new ToolError('no luck', { code: 'NO_LUCK', help: 'Try again.', effect: 'none' }) }),
  tool('wait', (_, { signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('told to stop'))))),
  tool('progress', (_, ctx) => { ctx.progress({ done: 1 }); ctx.log('warn', 'hello'); return 1 }),
  tool('save', (_, ctx) => ctx.artifact({ filename: 'a.txt', content: 'A' })),
  tool('pid', () => process.pid),
] }))
`
const WORDS = ['echo', 'fail', 'wait', 'progress', 'save', 'pid']
const GOOD = {
  id: 'acme.good',
  files: { 'main.mjs': SDK },
  tools: WORDS.map((word) => ({ id: `acme.good.${word}@v1` })),
}

describe.skipIf(!canConfine)(`a connector made with the SDK (skipped only where ${NO_SANDBOX})`, () => {
  let world: ConnectorsWorld
  beforeAll(async () => {
    world = await connectorsWorld()
    world.enable(GOOD)
  })
  afterAll(() => world.close())

  it('answers a governed call, and what it prints is not taken for an answer', async () => {
    const outcome = await world.call('acme.good.echo@v1', { a: [1, { b: 'ü' }] })
    expect(outcome).toMatchObject({ status: 'done', output: { a: [1, { b: 'ü' }] } })
    await expect.poll(() => world.logged.join('\n')).toContain('printed')
  })

  it('fails with the code, the words and the effect that the tool says', async () => {
    const outcome = await world.call('acme.good.fail@v1')
    expect(outcome).toMatchObject({
      status: 'failed',
      code: 'NO_LUCK',
      reason: 'no luck',
      help: 'Try again.',
      effect: 'none',
    })
  })

  it('is told to stop when the call is cancelled, and is not ended for it', async () => {
    const before = await world.call('acme.good.pid@v1')
    const controller = new AbortController()
    const waiting = world.call('acme.good.wait@v1', {}, { signal: controller.signal })
    await world.call('acme.good.echo@v1')
    controller.abort()
    expect(await waiting).toMatchObject({ status: 'failed', effect: 'unknown' })
    expect(await world.call('acme.good.pid@v1')).toMatchObject({ output: (before as { output: number }).output })
  })

  it('passes progress and lines for the log on', async () => {
    const seen: unknown[] = []
    await world.call('acme.good.progress@v1', {}, { onProgress: (message) => void seen.push(message) })
    expect(seen).toEqual([{ done: 1 }])
    expect(world.logged.join('\n')).toContain('acme.good: hello')
  })

  it('keeps an artifact by a governed call of its own', async () => {
    const outcome = await world.call('acme.good.save@v1')
    expect(outcome).toMatchObject({ status: 'done', output: { id: expect.stringMatching(/^art_/) } })
  })

  it('works on many calls at once', async () => {
    const inputs = Array.from({ length: 60 }, (_, n) => ({ n }))
    const outcomes = await Promise.all(inputs.map((input) => world.call('acme.good.echo@v1', input)))
    expect(outcomes.map((outcome) => (outcome as { output?: unknown }).output)).toEqual(inputs)
  })

  it('has no process before its first call, and none again once it was idle', async () => {
    const own = await connectorsWorld({ connectors: { idleMs: 30 } })
    const running = () => own.kernel.service(connectorsSlot).running()
    try {
      own.enable(GOOD)
      for (let n = 0; n < 100; n++) own.enable({ id: `acme.idle-${n}`, files: {} })
      expect(own.kernel.tools().filter(({ id }) => id.startsWith('connector.'))).toHaveLength(WORDS.length + 100)
      expect(running()).toEqual([])
      const first = await own.call('acme.good.pid@v1')
      await expect.poll(running).toEqual([])
      const second = await own.call('acme.good.pid@v1')
      expect([first.status, second.status]).toEqual(['done', 'done'])
    } finally {
      await own.close()
    }
  })

  it('runs nothing any more once it is disabled, whatever was in hand', async () => {
    const own = await connectorsWorld()
    try {
      own.enable(GOOD)
      const waiting = own.call('acme.good.wait@v1')
      await own.call('acme.good.echo@v1')
      own.disable('acme.good')
      expect(await waiting).toMatchObject({ status: 'failed', effect: 'unknown' })
      expect(await own.call('acme.good.echo@v1')).toMatchObject({ status: 'denied', code: 'TOOL_UNKNOWN' })
    } finally {
      await own.close()
    }
  })

  it('marks for the log what its manifest marks, and redacts what it redacts', async () => {
    const own = await connectorsWorld()
    try {
      own.enable({
        ...GOOD,
        tools: GOOD.tools.map((tool) => ({
          ...tool,
          input_schema: { type: 'object', properties: { a: { type: 'string' }, b: { type: 'string' } } },
          loggable_fields: ['/a'],
          redaction_rules: ['/list/*/key'],
        })),
      })
      const outcome = await own.call('acme.good.echo@v1', { a: 'seen', b: 'hidden', list: [{ key: 'k', name: 'n' }] })
      expect(outcome).toMatchObject({ output: { list: [{ key: '[REDACTED]', name: 'n' }] } })
      const records = JSON.stringify(await own.records(outcome.callId))
      expect(records).toContain('seen')
      expect(records).not.toContain('hidden')
    } finally {
      await own.close()
    }
  })
})
