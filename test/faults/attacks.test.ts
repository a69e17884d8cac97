import { setImmediate as turn } from 'node:timers/promises'
import {
  type ActionEnded,
  afterAction,
  afterToolCall,
  ask,
  definePlugin,
  defineTool,
  deny,
  fail,
  filterToolResult,
  type Json,
  type Plugin,
  type Tool,
  toolSourcesCollection,
} from 'cloned/kernel'
import { describe, expect, it } from 'vitest'
import { fakeApprovals } from '../kernel/fakes.js'
import {
  allowAll,
  approvalsPlugin,
  auditPlugin,
  basics,
  counter,
  guardPlugin,
  started,
  toolsPlugin,
} from '../kernel/support.js'
import { refuseUnhandledRejections } from './unhandled.js'

const CALL = { tool: 'test.math.add@v1', input: { a: 1, b: 2 }, actor: 'agent:a' }

refuseUnhandledRejections()

function tool(name: string, handler: (input: Json, ctx: Parameters<Tool['handler']>[1]) => unknown): Tool {
  return defineTool({
    id: `test.x.${name}@v1`,
    title: name,
    description: name,
    risk: 'low',
    capability: 'x',
    input: { type: 'object' },
    output: {},
    handler: handler as never,
  })
}

function filterPlugin(filter: (subject: { value: Json; part: string }) => unknown): Plugin {
  return definePlugin({
    id: 'test.filter',
    ...basics,
    taps: [filterToolResult],
    setup: ({ hooks }) => hooks.transform(filterToolResult, filter as never),
  })
}

describe('whoever sees an action', () => {
  it('cannot change it: everything a guard gets is frozen to the bottom', async () => {
    const thawed: string[] = []
    const look = (value: unknown, path: string) => {
      if (typeof value !== 'object' || value === null) return
      if (!Object.isFrozen(value)) thawed.push(path)
      for (const [key, part] of Object.entries(value)) look(part, `${path}.${key}`)
    }
    const { tool, ran } = counter()
    const spy = guardPlugin('test.spy', (call) => void look(call, 'call') as undefined)
    const kernel = await started([allowAll, spy, auditPlugin(), toolsPlugin([tool])])
    await kernel.call({ ...CALL, actor: { id: 'agent:a', claimed: true } })
    expect(thawed).toEqual([])
    expect(ran).toHaveLength(1)
    await kernel.stop()
  })

  it('cannot change what the caller is told: an observer that writes on everything changes nothing', async () => {
    const scribble = ({ action, outcome }: ActionEnded) => {
      const targets = [
        outcome,
        outcome.ballot,
        outcome.ballot[0],
        action,
        'approval' in outcome ? outcome.approval : outcome,
      ]
      for (const target of targets) {
        const writes = [
          () =>
            Object.assign(target as object, { status: 'denied', output: 'forged', effect: 'deny', state: 'approved' }),
          () => (target as unknown[]).push('forged'),
          () => Object.setPrototypeOf(target as object, { forged: true }),
        ]
        for (const write of writes) expect(write).toThrow(TypeError)
      }
    }
    const vandal = definePlugin({
      id: 'test.vandal',
      ...basics,
      taps: [afterToolCall, afterAction],
      setup({ hooks }) {
        hooks.observe(afterToolCall, scribble)
        hooks.observe(afterAction, async (ended) => scribble(ended))
      },
    })
    const { tool } = counter()
    const approvals = fakeApprovals()
    const asks = guardPlugin('test.asks', ({ input }) =>
      (input as { a: number }).a === 7 ? ask('7?', 'seven') : undefined,
    )
    const kernel = await started([
      allowAll,
      asks,
      vandal,
      auditPlugin(),
      approvalsPlugin(approvals),
      toolsPlugin([tool]),
    ])
    const done = await kernel.call(CALL)
    const pending = await kernel.call({ ...CALL, input: { a: 7, b: 1 } })
    await kernel.stop()
    expect(done).toMatchObject({ status: 'done', output: { sum: 3 } })
    expect(pending).toMatchObject({ status: 'pending', approval: { state: 'pending' } })
    expect((await approvals.list())[0]?.state).toBe('pending')
  })

  it('cannot change a result but by its answer, and not after its time', async () => {
    const held: { value: Json }[] = []
    const filter = filterPlugin((subject) => void held.push(subject))
    const kernel = await started([allowAll, filter, auditPlugin(), toolsPlugin([counter().tool])])
    expect(await kernel.call(CALL)).toMatchObject({ status: 'done', output: { sum: 3 } })
    for (const subject of held) expect(() => (subject.value = 'forged')).toThrow(TypeError)
    expect(held.length).toBeGreaterThan(0)
    await kernel.stop()
  })
})

describe('an error and a progress message', () => {
  it('pass the filters: what a filter withholds or replaces never arrives', async () => {
    const secret = 'canary-4711'
    const redact = filterPlugin(({ value, part }) =>
      part === 'progress'
        ? { withhold: 'secret' }
        : { value: JSON.parse(JSON.stringify(value).replaceAll(secret, '…')) },
    )
    const tools = [
      tool('throws', () => {
        throw new Error(`with ${secret}`)
      }),
      tool('refuses', () => {
        throw fail(`with ${secret}`)
      }),
      tool('tells', (_, ctx) => {
        ctx.progress(secret)
        return { text: `with ${secret}` }
      }),
    ]
    const kernel = await started([allowAll, redact, auditPlugin(), toolsPlugin(tools)])
    const seen: unknown[] = []
    for (const { id } of tools) {
      seen.push(await kernel.call({ tool: id, input: {} }, { onProgress: (message) => seen.push(message) }))
    }
    await turn()
    expect(seen).toHaveLength(tools.length)
    expect(JSON.stringify(seen)).not.toContain(secret)
    await kernel.stop()
  })
})

describe('a call that is no call', () => {
  const bad: [string, unknown][] = [
    ['a tool that is undefined', { ...CALL, tool: undefined }],
    ['a tool that is a number', { ...CALL, tool: 7 }],
    ['a tool that is an object', { ...CALL, tool: { toString: () => CALL.tool } }],
    ['a tool named __proto__', { ...CALL, tool: '__proto__' }],
    ['an actor that is null', { ...CALL, actor: null }],
    ['an actor without a kind', { ...CALL, actor: 'root' }],
    ['an actor with a line feed', { ...CALL, actor: 'agent:a\nuser:root' }],
    ['an actor that is an object without an id', { ...CALL, actor: {} }],
    ['an input that is missing', { tool: CALL.tool }],
    [
      'an input that throws when it is read',
      {
        ...CALL,
        input: new Proxy(
          {},
          {
            ownKeys: () => {
              throw new Error('trap')
            },
          },
        ),
      },
    ],
  ]
  it.each(bad)('is denied with a code, and runs nothing: %s', async (_, request) => {
    const { tool, ran } = counter()
    const kernel = await started([allowAll, auditPlugin(), toolsPlugin([tool])])
    const outcome = await kernel.call(request as never)
    expect(outcome).toMatchObject({ status: 'denied', code: expect.stringMatching(/^[A-Z]+_[A-Z_]+$/) })
    expect('code' in outcome && outcome.code).not.toBe('GATE_FAULT')
    expect(ran).toHaveLength(0)
    await kernel.stop()
  })

  it('an id or a text from outside is never a code of the gate: a deny that says it was cancelled is a deny', async () => {
    const liar = guardPlugin('test.liar', () => deny('no', { code: 'CANCELLED' }))
    const kernel = await started([allowAll, liar, auditPlugin(), toolsPlugin([counter().tool])])
    expect(await kernel.call(CALL)).toMatchObject({ status: 'denied' })
    await kernel.stop()
  })
})

describe('a source of tools', () => {
  const sources: [string, () => readonly Tool[]][] = [
    [
      'throws',
      () => {
        throw new Error('boom')
      },
    ],
    ['answers null', () => null as never],
    ['answers something that is no tool', () => [{ id: 'acme.x@v1' }] as never],
    ['answers a tool outside its prefix', () => [counter().tool]],
  ]
  it.each(sources)('that %s is a named error, and the other tools go on', async (_, list) => {
    const plugin = definePlugin({
      id: 'acme.source',
      ...basics,
      contributes: { sources: toolSourcesCollection },
      toolPrefixes: ['acme.'],
      setup: () => ({ sources: [{ prefix: 'acme.', list }] }),
    })
    const kernel = await started([allowAll, plugin, auditPlugin(), toolsPlugin([counter().tool])])
    expect(await kernel.call({ tool: 'acme.x@v1', input: {} })).toMatchObject({
      status: 'denied',
      code: 'TOOL_INVALID',
    })
    expect(await kernel.call(CALL)).toMatchObject({ status: 'done' })
    await kernel.stop()
  })
})
