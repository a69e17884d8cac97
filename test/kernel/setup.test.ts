import {
  type ActionKind,
  afterToolCall,
  allow,
  auditSlot,
  beforeToolCall,
  collection,
  createKernel,
  defineDistribution,
  defineHook,
  definePlugin,
  type ErrorCode,
  gateSlot,
  onApprovalRequested,
  type Plugin,
  policyWrite,
  prepareToolCall,
  reserveToolCall,
  slot,
  toolSourcesCollection,
  toolsCollection,
} from 'cloned/kernel'
import { memoryAudit } from 'cloned/testing'
import { describe, expect, it } from 'vitest'
import { fakeReserve } from './fakes.js'
import { allowAll, auditPlugin, basics, counter, guardPlugin, quiet, started, toolsPlugin } from './support.js'

// biome-ignore lint/suspicious/noExplicitAny: what types refuse has to be refused at run time too, so the types are cast away
type Any = any

const a = slot<object>('test.a', { contract: 1 })
const list = collection<object>('test.list', { contract: 1 })

function p(fields: object, setup: (ctx: Any) => unknown, id = 'test.bad'): Plugin {
  return definePlugin({ id, ...basics, ...fields, setup } as Any)
}

function create(...plugins: readonly Plugin[]) {
  const distribution = defineDistribution({ name: 'test', version: '1.0.0', plugins, mayAllow: [] })
  return createKernel(distribution, { log: () => quiet, osUser: 'tester' })
}

/** A hook that looks exactly like one of the kernel's, with another id. */
const lookalike = defineHook.guard<object, 'beforeToolcall'>('beforeToolcall')

const rows: [rule: string, code: ErrorCode, says: RegExp, plugin: Plugin][] = [
  [
    'throws',
    'SETUP_FAILED',
    /"test.bad".*boom/,
    p({}, () => {
      throw new Error('boom')
    }),
  ],
  [
    'throws undefined',
    'SETUP_FAILED',
    /threw undefined/,
    p({}, () => {
      throw undefined
    }),
  ],
  ['is asynchronous', 'SETUP_ASYNC', /returned a promise/, p({}, async () => {})],
  ['returns a thenable', 'SETUP_ASYNC', /returned a promise/, p({}, () => Object.fromEntries([['then', () => {}]]))],
  ['returns no value for a slot', 'PROVIDES_MISSING', /slot "service"/, p({ provides: { service: a } }, () => ({}))],
  [
    'returns null for a slot',
    'PROVIDES_MISSING',
    /slot "service"/,
    p({ provides: { service: a } }, () => ({ service: null })),
  ],
  ['returns nothing and has to', 'PROVIDES_MISSING', /slot "service"/, p({ provides: { service: a } }, () => {})],
  [
    'returns no list for a collection',
    'PROVIDES_MISSING',
    /collection "items"/,
    p({ contributes: { items: list } }, () => ({ items: {} })),
  ],
  [
    'returns a slot too many',
    'PROVIDES_UNDECLARED',
    /"extra"/,
    p({ provides: { service: a } }, () => ({ service: {}, extra: {} })),
  ],
  ['returns a slot and declares none', 'PROVIDES_UNDECLARED', /"extra"/, p({}, () => ({ extra: {} }))],
  [
    'taps a hook it does not declare',
    'HOOK_UNDECLARED',
    /"beforeToolCall".*taps/,
    p({}, ({ hooks }) => hooks.guard(beforeToolCall, () => allow())),
  ],
  [
    'taps another hook of the same shape',
    'HOOK_UNDECLARED',
    /"beforeToolCall"/,
    p({ taps: [lookalike] }, ({ hooks }) => {
      hooks.guard(lookalike, () => allow())
      hooks.guard(beforeToolCall, () => allow())
    }),
  ],
  [
    'taps nothing at all',
    'HOOK_UNDECLARED',
    /"undefined"/,
    p({}, ({ hooks }) => hooks.guard(undefined, () => allow())),
  ],
  ['declares a tap and registers nothing', 'HOOK_UNUSED', /"beforeToolCall"/, p({ taps: [beforeToolCall] }, () => {})],
  [
    'registers a transform as a guard',
    'HOOK_HANDLER_INVALID',
    /with hooks.guard.*expected hooks.transform/,
    p({ taps: [prepareToolCall] }, ({ hooks }) => hooks.guard(prepareToolCall, () => allow())),
  ],
  [
    'registers a guard as an observer',
    'HOOK_HANDLER_INVALID',
    /expected hooks.guard/,
    p({ taps: [beforeToolCall] }, ({ hooks }) => hooks.observe(beforeToolCall, () => {})),
  ],
  [
    'registers a handler that is no function',
    'HOOK_HANDLER_INVALID',
    /registered null/,
    p({ taps: [beforeToolCall] }, ({ hooks }) => hooks.guard(beforeToolCall, null)),
  ],
  [
    'registers a reserve without a method',
    'HOOK_HANDLER_INVALID',
    /registered object/,
    p({ taps: [reserveToolCall] }, ({ hooks }) =>
      hooks.reserve(reserveToolCall, { ...fakeReserve(), restore: undefined }),
    ),
  ],
  [
    'registers a second handler on one hook',
    'HOOK_HANDLER_INVALID',
    /a second handler/,
    p({ taps: [beforeToolCall] }, ({ hooks }) => {
      hooks.guard(beforeToolCall, () => undefined)
      hooks.guard(beforeToolCall, () => undefined)
    }),
  ],
  [
    'fires a hook it does not declare',
    'HOOK_UNDECLARED',
    /"afterToolCall".*fires/,
    p({}, ({ hooks }) => hooks.fire(afterToolCall, {})),
  ],
  [
    'executes a kind it does not declare',
    'HOOK_UNDECLARED',
    /"policy.write".*executes/,
    p({}, ({ actions }) => actions.execute(policyWrite, { input: {}, execute: () => null })),
  ],
  [
    'declares a kind and has no executor',
    'KIND_UNHANDLED',
    /"policy.write"/,
    p({ executes: [policyWrite as ActionKind] }, () => {}),
  ],
  [
    'reads a collection too early',
    'SLOT_EARLY',
    /"test.list"/,
    p({ owns: { items: list } }, ({ collected }) => collected.items()),
  ],
  [
    'contributes a tool that is none',
    'TOOL_INVALID',
    /"test.bad"/,
    p({ contributes: { tools: toolsCollection } }, () => ({ tools: [null] })),
  ],
  [
    'contributes a tool that nobody checked',
    'TOOL_INVALID',
    /defineTool/,
    p({ contributes: { tools: toolsCollection } }, () => ({ tools: [{ ...counter().tool }] })),
  ],
  [
    'contributes a tool twice',
    'TOOL_DUPLICATE',
    /"test.math.add@v1"/,
    p({ contributes: { tools: toolsCollection } }, () => ({ tools: [counter().tool, counter().tool] })),
  ],
  [
    'has a source of tools under a prefix that it does not claim',
    'TOOL_INVALID',
    /toolPrefixes/,
    p({ contributes: { sources: toolSourcesCollection }, toolPrefixes: ['acme.'] }, () => ({
      sources: [{ prefix: 'cloned.', list: () => [] }],
    })),
  ],
]

describe('a plugin is refused where it is defined', () => {
  it.each([
    ['without a setup', { id: 'test.bad', setup: undefined }, /no setup function/],
    ['with a misspelt field', { id: 'test.bad', require: {} }, /"test.bad".*"require" \(did you mean "requires"\?\)/],
    ['with a field of nobody', { id: 'test.bad', __proto__: null, before: ['test.b'] }, /unknown field "before"/],
  ] as const)('%s', (_, fields, says) => {
    const define = () => definePlugin({ ...basics, setup: () => {}, ...fields } as Any)
    expect(define).toThrow(expect.objectContaining({ code: 'PLUGIN_INVALID' }))
    expect(define).toThrow(says)
  })
})

describe('a setup is refused that', () => {
  it.each(rows)('%s', (_, code, says, plugin) => {
    const boot = () => create(plugin)
    expect(boot).toThrow(expect.objectContaining({ code }))
    expect(boot).toThrow(says)
    expect(boot).toThrow(/test\.bad/)
  })

  it('comes after another that failed: it does not run', () => {
    let ran = 0
    const bad = p({ provides: { service: a } }, () => {
      throw new Error('boom')
    })
    const user = p({ requires: { a } }, () => void ran++, 'test.user')
    expect(() => create(user, bad)).toThrow('test.bad')
    expect(ran).toBe(0)
  })

  const late: [string, (ctx: Any) => () => void][] = [
    [
      'a handler',
      ({ hooks }) =>
        () =>
          hooks.guard(beforeToolCall, () => allow()),
    ],
    [
      'a start step',
      ({ onStart }) =>
        () =>
          onStart(() => {}),
    ],
    [
      'a drain step',
      ({ onDrain }) =>
        () =>
          onDrain(() => {}),
    ],
    [
      'a stop step',
      ({ onStop }) =>
        () =>
          onStop(() => {}),
    ],
    [
      'an executor',
      ({ actions }) =>
        () =>
          actions.execute(policyWrite, {}),
    ],
  ]
  it.each(late)('registers %s when setup has ended', (_, hold) => {
    let later = () => {}
    create(
      p({ taps: [beforeToolCall] }, (ctx) => {
        ctx.hooks.guard(beforeToolCall, () => undefined)
        later = hold(ctx)
      }),
    )
    expect(later).toThrow(expect.objectContaining({ code: 'KERNEL_SEALED', plugin: 'test.bad' }))
  })

  it('claims tools under the prefix of another plugin', () => {
    const owner = p({ contributes: { sources: toolSourcesCollection }, toolPrefixes: ['test.'] }, () => ({
      sources: [{ prefix: 'test.', list: () => [] }],
    }))
    expect(() => create(owner, toolsPlugin([counter().tool], 'test.thief'))).toThrow(
      expect.objectContaining({ code: 'TOOL_DUPLICATE' }),
    )
  })
})

describe('a plugin gets', () => {
  it('what it requires, undefined for an absent optional, and nothing else', () => {
    const seen: object[] = []
    const provider = p({ provides: { a } }, () => ({ a: { is: 'a' } }), 'test.provider')
    create(
      p({ requires: { first: a } }, ({ deps }) => void seen.push(deps)),
      provider,
    )
    expect(seen).toEqual([{ first: { is: 'a' } }])
    expect(Object.isFrozen(seen[0])).toBe(true)
  })

  it('a context that it cannot change for others', () => {
    create(
      p({}, (ctx) => {
        for (const part of [ctx, ctx.deps, ctx.collected, ctx.hooks, ctx.actions])
          expect(Object.isFrozen(part)).toBe(true)
      }),
    )
  })

  it('the items of its collection with who contributed them, once every setup has run', async () => {
    const read: (() => unknown)[] = []
    const owner = p({ owns: { items: list } }, ({ collected }) => void read.push(collected.items), 'test.owner')
    const adder = p({ contributes: { items: list } }, () => ({ items: [{ n: 1 }, { n: 2 }] }), 'test.adder')
    create(owner, adder)
    expect(read[0]?.()).toEqual([
      { plugin: 'test.adder', item: { n: 1 } },
      { plugin: 'test.adder', item: { n: 2 } },
    ])
  })

  it('a gate that is not the kernel: no other service, no stop, nothing to overwrite', async () => {
    const gates: Any[] = []
    const reader = p({ requires: { gate: gateSlot } }, ({ deps }) => void gates.push(deps.gate))
    const { tool } = counter()
    const kernel = await started([allowAll, auditPlugin(), toolsPlugin([tool]), reader])
    const [gate] = gates
    for (const name of ['service', 'stop', 'start', 'state', 'recovered']) expect(gate[name]).toBeUndefined()
    expect(Object.isFrozen(gate)).toBe(true)
    expect(await gate.call({ tool: tool.id, input: { a: 1, b: 2 } })).toMatchObject({ status: 'done' })
    await kernel.stop()
  })

  it('a plan that it cannot write itself into', async () => {
    let gate: Any
    const thief = definePlugin({
      id: 'test.thief',
      ...basics,
      requires: { gate: gateSlot },
      taps: [beforeToolCall],
      setup({ deps, hooks, onStart }) {
        gate = deps.gate
        hooks.guard(beforeToolCall, () => allow())
        onStart(() => {
          expect(() => gate.plan().mayAllow.push('test.thief')).toThrow(TypeError)
          expect(() => Object.assign(gate.plan().requiredGuards, { beforeToolCall: [] })).toThrow(TypeError)
        })
      },
    })
    const { tool, ran } = counter()
    const kernel = await started([thief, auditPlugin(), toolsPlugin([tool])], { mayAllow: [] })
    expect(await kernel.call({ tool: tool.id, input: { a: 1, b: 2 } })).toMatchObject({ code: 'NO_ALLOW' })
    expect(ran).toHaveLength(0)
    await kernel.stop()
  })
})

describe('a kernel', () => {
  it('shares nothing with another of the same distribution', async () => {
    const { tool, ran } = counter()
    const logs = [memoryAudit(), memoryAudit()]
    const plugins = () => [allowAll, auditPlugin(logs.shift()), toolsPlugin([tool])]
    const [one, other] = [await started(plugins()), await started(plugins())]
    expect(one.instance).not.toBe(other.instance)
    const { callId } = await one.call({ tool: tool.id, input: { a: 1, b: 2 } })
    expect(await one.service(auditSlot).find(callId)).toHaveLength(2)
    expect(await other.service(auditSlot).find(callId)).toHaveLength(0)
    await one.stop()
    expect(other.state).toBe('started')
    expect(await other.call({ tool: tool.id, input: { a: 1, b: 2 } })).toMatchObject({ status: 'done' })
    expect(ran).toHaveLength(2)
    await other.stop()
  })

  it('has the service of a slot for its host, and says which is missing', () => {
    const kernel = create(auditPlugin())
    expect(kernel.service(auditSlot)).toBeDefined()
    expect(() => kernel.service(a)).toThrow(expect.objectContaining({ code: 'SLOT_MISSING' }))
  })

  it('starts when a handler is asked to notify nobody and guard nothing', async () => {
    const idle = p({ taps: [onApprovalRequested] }, ({ hooks }) => hooks.notify(onApprovalRequested, () => false))
    const kernel = await started([idle, guardPlugin('test.abstains', () => undefined)])
    expect(kernel.state).toBe('started')
    await kernel.stop()
  })
})
