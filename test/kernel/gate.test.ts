import {
  afterToolCall,
  allow,
  ask,
  definePlugin,
  defineTool,
  deny,
  fail,
  filterToolResult,
  type Outcome,
  prepareToolCall,
} from 'cloned/kernel'
import { memoryAudit } from 'cloned/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { allowAll, auditPlugin, basics, counter, guardPlugin, started, toolsPlugin } from './support.js'

const CALL = { tool: 'test.math.add@v1', input: { a: 1, b: 2 }, actor: 'agent:a' }

describe('the path of a tool call', () => {
  afterEach(() => void vi.useRealTimers())

  it('runs what a counted guard allows, with intent and outcome in the log', async () => {
    const log = memoryAudit()
    const { tool, ran } = counter()
    const kernel = await started([allowAll, auditPlugin(log), toolsPlugin([tool])])
    const outcome = await kernel.call(CALL)
    expect(outcome).toMatchObject({ status: 'done', output: { sum: 3 } })
    expect(ran).toHaveLength(1)
    const records = await log.find(outcome.callId)
    expect(records.map(({ record }) => record['type'])).toEqual(['tool.intent', 'tool.outcome'])
    expect(records[1]?.record).toMatchObject({ status: 'done', target: tool.id })
    await kernel.stop()
  })

  const votes: [string, Parameters<typeof guardPlugin>[1][], Outcome['status'], string?][] = [
    ['denies when nobody votes', [() => undefined], 'denied', 'NO_ALLOW'],
    ['denies when one of many denies', [() => allow(), () => deny('no')], 'denied', 'DENIED'],
    ['denies on an ask without approvals', [() => allow(), () => ask('sure?', 'k')], 'denied', 'APPROVALS_MISSING'],
    ['deny wins over ask', [() => ask('sure?', 'k'), () => deny('no')], 'denied', 'DENIED'],
  ]
  it.each(votes)('%s', async (_, guards, status, code) => {
    const { tool, ran } = counter()
    const plugins = guards.map((vote, i) => guardPlugin(i === 0 ? 'test.policy' : `test.guard${i}`, vote))
    const kernel = await started([...plugins, auditPlugin(), toolsPlugin([tool])])
    expect(await kernel.call(CALL)).toMatchObject({ status, code })
    expect(ran).toHaveLength(0)
    await kernel.stop()
  })

  it('does not count the allow of a plugin that may not allow', async () => {
    const { tool, ran } = counter()
    const stranger = guardPlugin('test.stranger', () => allow('me'))
    const kernel = await started([stranger, auditPlugin(), toolsPlugin([tool])], { mayAllow: [] })
    const outcome = await kernel.call(CALL)
    expect(outcome).toMatchObject({ status: 'denied', code: 'NO_ALLOW' })
    expect(outcome.ballot).toEqual([
      { plugin: 'test.stranger', hook: 'beforeToolCall', effect: 'allow', rule: 'me', counted: false },
    ])
    expect(ran).toHaveLength(0)
    await kernel.stop()
  })

  it('runs nothing once the deadline of the call is over', async () => {
    const log = memoryAudit()
    const { tool, ran } = counter()
    const kernel = await started([allowAll, auditPlugin(log), toolsPlugin([tool])])
    const outcome = await kernel.call(CALL, { deadlineMs: 0 })
    expect(outcome).toMatchObject({ status: 'failed', code: 'CANCELLED', effect: 'none' })
    expect(ran).toHaveLength(0)
    expect((await log.find(outcome.callId)).map(({ record }) => record['type'])).toEqual(['tool.outcome'])
    await kernel.stop()
  })

  it('ends a handler at the deadline of the call, with the effect unknown', async () => {
    const { tool } = counter()
    let begin: () => void = () => {}
    const dispatched = new Promise<void>((resolve) => {
      begin = resolve
    })
    const handler = () => {
      begin()
      return new Promise<never>(() => {})
    }
    const never = defineTool({ ...tool, id: 'test.math.never@v1', handler })
    const kernel = await started([allowAll, auditPlugin(), toolsPlugin([never])])
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const running = kernel.call({ ...CALL, tool: never.id }, { deadlineMs: 20 })
    await dispatched
    vi.advanceTimersByTime(20)
    const outcome = await running
    expect(outcome).toMatchObject({ status: 'failed', code: 'HANDLER_TIMEOUT', effect: 'unknown' })
    await kernel.stop()
  })

  it('ends a handler whose caller cancels while it starts', async () => {
    const { tool } = counter()
    const caller = new AbortController()
    const never = defineTool({
      ...tool,
      id: 'test.math.never@v1',
      handler: () => {
        caller.abort()
        return new Promise<never>(() => {})
      },
    })
    const kernel = await started([allowAll, auditPlugin(), toolsPlugin([never])])
    const outcome = await kernel.call({ ...CALL, tool: never.id }, { signal: caller.signal })
    expect(outcome).toMatchObject({ status: 'failed', code: 'CANCELLED', effect: 'unknown' })
    await kernel.stop()
  })

  it('is not disturbed by an observer that throws and a log that throws', async () => {
    const { tool } = counter()
    const observer = definePlugin({
      id: 'test.observer',
      ...basics,
      taps: [afterToolCall],
      setup: ({ hooks }) =>
        hooks.observe(afterToolCall, () => {
          throw new Error('observer')
        }),
    })
    const angry = () => {
      throw new Error('disk full')
    }
    const log = () => ({ debug: angry, info: angry, warn: angry, error: angry })
    const kernel = await started([allowAll, auditPlugin(), toolsPlugin([tool]), observer], {}, { log })
    expect(await kernel.call(CALL)).toMatchObject({ status: 'done' })
    await kernel.stop()
  })

  it('denies without an audit log', async () => {
    const { tool, ran } = counter()
    const kernel = await started([allowAll, toolsPlugin([tool])])
    expect(await kernel.call(CALL)).toMatchObject({ status: 'denied', code: 'AUDIT_MISSING' })
    expect(ran).toHaveLength(0)
    await kernel.stop()
  })

  it('validates again after every transform and judges the rewritten input', async () => {
    const { tool, ran } = counter()
    const rewrite = definePlugin({
      id: 'test.rewrite',
      ...basics,
      taps: [prepareToolCall],
      setup: ({ hooks }) => hooks.transform(prepareToolCall, ({ input }) => ({ ...(input as object), b: 40 })),
    })
    const seen: unknown[] = []
    const spy = guardPlugin('test.spy', ({ input }) => {
      seen.push(input)
      return undefined
    })
    const kernel = await started([allowAll, rewrite, spy, auditPlugin(), toolsPlugin([tool])])
    expect(await kernel.call(CALL)).toMatchObject({ status: 'done', output: { sum: 41 } })
    expect(seen).toEqual([{ a: 1, b: 40 }])
    expect(Object.isFrozen(ran[0])).toBe(true)
    await kernel.stop()
  })

  it('withholds a result that a filter refuses, and says that it happened', async () => {
    const { tool } = counter()
    const filter = definePlugin({
      id: 'test.filter',
      ...basics,
      taps: [filterToolResult],
      setup: ({ hooks }) => hooks.transform(filterToolResult, () => ({ withhold: 'secret' })),
    })
    const kernel = await started([allowAll, filter, auditPlugin(), toolsPlugin([tool])])
    const outcome = await kernel.call(CALL)
    expect(outcome).toMatchObject({ status: 'failed', code: 'RESULT_WITHHELD', effect: 'happened' })
    expect(JSON.stringify(outcome)).not.toContain('"sum"')
    await kernel.stop()
  })

  it('says what a handler knows of its effect, and unknown otherwise', async () => {
    const failing = (name: string, thrown: () => unknown) =>
      defineTool({
        id: `test.fail.${name}@v1`,
        title: name,
        description: name,
        risk: 'low',
        capability: 'x',
        input: { type: 'object' },
        output: {},
        handler: () => {
          throw thrown()
        },
      })
    const tools = [
      failing('refused', () => fail('not here')),
      failing('broke', () => new Error('boom')),
      failing('nothing', () => undefined),
    ]
    const kernel = await started([allowAll, auditPlugin(), toolsPlugin(tools)])
    const effects = await Promise.all(tools.map(({ id }) => kernel.call({ tool: id, input: {} })))
    expect(effects.map((outcome) => [outcome.status, 'effect' in outcome && outcome.effect])).toEqual([
      ['failed', 'none'],
      ['failed', 'unknown'],
      ['failed', 'unknown'],
    ])
    await kernel.stop()
  })

  const cyclic: { [key: string]: unknown } = {}
  cyclic['self'] = cyclic
  let deep: unknown = 1
  for (let i = 0; i < 100; i++) deep = [deep]
  const bad: [string, unknown, string][] = [
    ['a cycle', cyclic, 'VALUE_NOT_JSON'],
    ['NaN', { a: Number.NaN, b: 1 }, 'VALUE_NOT_JSON'],
    ['a function', { a: () => 1, b: 1 }, 'VALUE_NOT_JSON'],
    ['a __proto__ key', JSON.parse('{"a":1,"b":2,"__proto__":{"x":1}}'), 'VALUE_NOT_JSON'],
    ['too deep', { a: deep, b: 1 }, 'VALUE_TOO_LARGE'],
    ['too large', { a: 'x'.repeat(2 * 1024 * 1024), b: 1 }, 'VALUE_TOO_LARGE'],
    ['against the schema', { a: 'one', c: 3 }, 'INPUT_INVALID'],
  ]
  it.each(bad)('denies an input that is %s, runs nothing and records it', async (_, input, code) => {
    const { tool, ran } = counter()
    const log = memoryAudit()
    const kernel = await started([allowAll, auditPlugin(log), toolsPlugin([tool])])
    const outcome = await kernel.call({ ...CALL, input })
    expect(outcome).toMatchObject({ status: 'denied', code })
    expect(ran).toHaveLength(0)
    expect((await log.find(outcome.callId))[0]?.record).toMatchObject({ type: 'tool.outcome', status: 'denied', code })
    await kernel.stop()
  })

  it('reports every violation of the schema with its path', async () => {
    const { tool } = counter()
    const kernel = await started([allowAll, auditPlugin(), toolsPlugin([tool])])
    const outcome = await kernel.call({ ...CALL, input: { a: 'one', c: 3 } })
    expect('reason' in outcome && outcome.reason).toMatch(/\/b is missing.*\/c is not a known key.*\/a must be number/)
    await kernel.stop()
  })

  it.each([
    ['test.math.add@v2', 'TOOL_VERSION'],
    ['test.math.sub@v1', 'TOOL_UNKNOWN'],
    ['', 'TOOL_UNKNOWN'],
  ])('denies the tool %j with %s and records it', async (tool, code) => {
    const log = memoryAudit()
    const kernel = await started([allowAll, auditPlugin(log), toolsPlugin([counter().tool])])
    const outcome = await kernel.call({ ...CALL, tool })
    expect(outcome).toMatchObject({ status: 'denied', code })
    expect(await log.find(outcome.callId)).toHaveLength(1)
    await kernel.stop()
  })

  it('a dry run judges, runs nothing and records nothing', async () => {
    const { tool, ran } = counter()
    const log = memoryAudit()
    const kernel = await started([allowAll, auditPlugin(log), toolsPlugin([tool])])
    const outcome = await kernel.explain(CALL)
    expect(outcome).toMatchObject({ status: 'dry-run', verdict: 'allow', input: { a: 1, b: 2 } })
    expect(ran).toHaveLength(0)
    expect(await log.find(outcome.callId)).toHaveLength(0)
    await kernel.stop()
  })

  it('a cancel before dispatch has no effect, a cancel after dispatch an unknown one', async () => {
    const slow = defineTool({
      id: 'test.slow.wait@v1',
      title: 'Wait',
      description: 'Waits for ever',
      risk: 'low',
      capability: 'x',
      input: { type: 'object' },
      output: {},
      handler: () => new Promise(() => {}),
    })
    const kernel = await started([allowAll, auditPlugin(), toolsPlugin([slow])])
    const before = await kernel.call({ tool: slow.id, input: {} }, { signal: AbortSignal.abort() })
    expect(before).toMatchObject({ status: 'failed', code: 'CANCELLED', effect: 'none' })
    const controller = new AbortController()
    const running = kernel.call({ tool: slow.id, input: {} }, { signal: controller.signal })
    setImmediate(() => controller.abort())
    expect(await running).toMatchObject({ status: 'failed', code: 'CANCELLED', effect: 'unknown' })
    await kernel.stop()
  })
})
