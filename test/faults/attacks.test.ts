import { setImmediate as turn } from 'node:timers/promises'
import {
  type Action,
  type ActionEnded,
  type AuditLog,
  afterAction,
  afterToolCall,
  allow,
  ask,
  beforeToolCall,
  definePlugin,
  defineTool,
  deny,
  fail,
  filterToolResult,
  type Json,
  onApprovalRequested,
  type Plugin,
  reserveToolCall,
  type Tool,
  toolSourcesCollection,
} from 'cloned/kernel'
import { memoryAudit } from 'cloned/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { fakeApprovals, fakeReserve } from '../kernel/fakes.js'
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

const CALL = { tool: 'test.math.add@v1', input: { a: 1, b: 2 }, actor: 'agent:a' }

const unhandled: unknown[] = []
const remember = (error: unknown) => void unhandled.push(error)
process.on('unhandledRejection', remember)
afterEach(async () => {
  await turn()
  expect(unhandled.splice(0)).toEqual([])
})

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

function reservePlugin(reserve: ReturnType<typeof fakeReserve>, id = 'test.reserve'): Plugin {
  return definePlugin({
    id,
    ...basics,
    taps: [reserveToolCall],
    setup: ({ hooks }) => hooks.reserve(reserveToolCall, reserve),
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

describe('a log that is late', () => {
  /** A log whose first record becomes durable, or something else, when told. */
  function lateLog(answer: (real: Awaited<ReturnType<AuditLog['append']>>) => unknown) {
    const log = memoryAudit()
    let first = true
    let release = () => {}
    const gate = new Promise<void>((resolve) => (release = resolve))
    const append: AuditLog['append'] = (record) => {
      if (!first) return log.append(record)
      first = false
      return gate.then(async () => answer(await log.append(record)) as never)
    }
    return { log: { ...log, append }, records: log.records, release }
  }

  it('with an intent has it followed by the outcome that nothing ran', async () => {
    const { log, records, release } = lateLog((receipt) => receipt)
    const { tool, ran } = counter()
    const kernel = await started([allowAll, auditPlugin(log), toolsPlugin([tool])], { limits: { recordMs: 20 } })
    expect(await kernel.call(CALL)).toMatchObject({ status: 'denied', code: 'AUDIT_UNWRITABLE' })
    release()
    await kernel.stop()
    expect(ran).toHaveLength(0)
    const types = records().map(({ record }) => [record['type'], record['status']])
    expect(types.at(-1)).toEqual(['tool.outcome', 'denied'])
    expect(types.filter(([type]) => type === 'tool.intent')).toHaveLength(1)
  })

  it.each([undefined, null, true, { seq: 1 }])(
    'with an answer that is no receipt (%j) is late for nobody',
    async (junk) => {
      const { log, release } = lateLog(() => junk)
      const kernel = await started([allowAll, auditPlugin(log), toolsPlugin([counter().tool])], {
        limits: { recordMs: 20 },
      })
      expect(await kernel.call(CALL)).toMatchObject({ status: 'denied', code: 'AUDIT_UNWRITABLE' })
      release()
      await turn()
      await kernel.stop()
    },
  )
})

describe('a take', () => {
  const lost: [string, unknown][] = [
    ['has a token that JSON cannot say', { ok: true, token: 1n }],
    ['has no token', { ok: true }],
    ['is no answer', 'taken'],
  ]
  it.each(lost)('whose answer %s denies the call and is given back', async (_, answer) => {
    const reserve = fakeReserve()
    const { take } = reserve
    reserve.take = async (ref, action) => {
      await take(ref, action)
      return answer as never
    }
    const { tool, ran } = counter()
    const kernel = await started([allowAll, reservePlugin(reserve), auditPlugin(), toolsPlugin([tool])])
    const outcome = await kernel.call(CALL)
    expect(outcome).toMatchObject({ status: 'denied', code: 'RESERVE_FAILED' })
    expect(reserve.takes.get(outcome.callId)?.state).toBe('release')
    expect(ran).toHaveLength(0)
    await kernel.stop()
  })

  it.each(lost.slice(0, 2))('of an approval whose answer %s denies the call and is given back', async (_, answer) => {
    const approvals = fakeApprovals()
    const { take } = approvals
    approvals.take = async (ref, id) => {
      await take(ref, id)
      return answer as never
    }
    const asks = guardPlugin('test.policy', () => ask('sure?', 'k'))
    const { tool, ran } = counter()
    const kernel = await started([asks, approvalsPlugin(approvals), auditPlugin(), toolsPlugin([tool])])
    const pending = await kernel.call(CALL)
    if (pending.status !== 'pending') throw new Error('expected a pending call')
    await approvals.decide(pending.approval.id, { verdict: 'approve', by: kernel.actor() })
    const outcome = await kernel.call(CALL)
    expect(outcome).toMatchObject({ status: 'denied', code: 'APPROVALS_FAILED' })
    expect(approvals.takes.get(outcome.callId)?.state).toBe('release')
    expect(ran).toHaveLength(0)
    await kernel.stop()
  })

  it('that cannot be given back keeps neither the call nor the stop waiting for ever', async () => {
    const stuck = fakeReserve()
    stuck.settle = () => new Promise(() => {})
    const full = fakeReserve(0)
    const plugins = [allowAll, reservePlugin(stuck, 'test.first'), reservePlugin(full, 'test.second'), auditPlugin()]
    const kernel = await started([...plugins, toolsPlugin([counter().tool])], { limits: { reserveMs: 20 } })
    expect(await kernel.call(CALL)).toMatchObject({ status: 'denied', code: 'RESERVE_REFUSED' })
    await kernel.stop()
    expect(kernel.state).toBe('stopped')
  })

  it('of the first reserve is given back when the second refuses', async () => {
    const first = fakeReserve()
    const kernel = await started([
      allowAll,
      reservePlugin(first, 'test.first'),
      reservePlugin(fakeReserve(0), 'test.second'),
      auditPlugin(),
      toolsPlugin([counter().tool]),
    ])
    const { callId } = await kernel.call(CALL)
    expect(first.takes.get(callId)?.state).toBe('release')
    await kernel.stop()
  })
})

describe('what must be there', () => {
  it('a required guard that is not listed keeps the kernel from starting', async () => {
    const boot = started([allowAll, auditPlugin()], { requireGuards: { beforeToolCall: ['test.policy', 'acme.dlp'] } })
    await expect(boot).rejects.toThrow(/GUARD_MISSING.*acme\.dlp/)
  })

  it('a required guard that abstains has voted; nobody allowing is still a deny', async () => {
    const silent = guardPlugin('test.policy', () => undefined)
    const kernel = await started([silent, auditPlugin(), toolsPlugin([counter().tool])], {
      requireGuards: { beforeToolCall: ['test.policy'] },
    })
    expect(await kernel.call(CALL)).toMatchObject({ status: 'denied', code: 'NO_ALLOW' })
    await kernel.stop()
  })

  it('a channel that fails says so: the request stands and nobody counts as told', async () => {
    const channel = (id: string, notify: () => boolean | Promise<boolean>) =>
      definePlugin({
        id,
        ...basics,
        taps: [onApprovalRequested],
        setup: ({ hooks }) => hooks.notify(onApprovalRequested, notify),
      })
    const kernel = await started([
      guardPlugin('test.policy', () => ask('sure?', 'k')),
      channel('test.mute', () => Promise.reject(new Error('no network'))),
      channel('test.works', async () => true),
      approvalsPlugin(fakeApprovals()),
      auditPlugin(),
      toolsPlugin([counter().tool]),
    ])
    expect(await kernel.call(CALL)).toMatchObject({ status: 'pending', delivered: ['test.works'] })
    await kernel.stop()
  })

  it('a guard that answers after its time does not get a second vote', async () => {
    let answer = (_: ReturnType<typeof allow>) => {}
    const late = guardPlugin('test.policy', (_: Action) => new Promise((resolve) => (answer = resolve)))
    const { tool, ran } = counter()
    const kernel = await started([late, auditPlugin(), toolsPlugin([tool])], { limits: { guardMs: 20 } })
    const outcome = await kernel.call(CALL)
    answer(allow())
    await turn()
    expect(outcome).toMatchObject({ status: 'denied', code: 'GUARD_TIMEOUT' })
    expect(outcome.ballot).toHaveLength(1)
    expect(ran).toHaveLength(0)
    await kernel.stop()
  })

  it('a guard sees its signal abort when its time is up', async () => {
    let signal: AbortSignal | undefined
    const hanging = definePlugin({
      id: 'test.policy',
      ...basics,
      taps: [beforeToolCall],
      setup: ({ hooks }) =>
        hooks.guard(beforeToolCall, (_, ctx) => {
          signal = ctx.signal
          return new Promise(() => {})
        }),
    })
    const kernel = await started([hanging, auditPlugin(), toolsPlugin([counter().tool])], { limits: { guardMs: 20 } })
    await kernel.call(CALL)
    expect(signal?.aborted).toBe(true)
    await kernel.stop()
  })
})
