import {
  type ActionKind,
  actionKind,
  auditSlot,
  beforeToolCall,
  ClonedError,
  type Collection,
  collection,
  configSchema,
  createKernel,
  type Distribution,
  defineDistribution,
  defineHook,
  definePlugin,
  type ErrorCode,
  gateSlot,
  type Hook,
  type Json,
  optional,
  type Plugin,
  plan,
  policyWrite,
  type Requirement,
  type Slot,
  slot,
  toolCall,
  toolsCollection,
  use,
} from 'cloned/kernel'
import { describe, expect, it } from 'vitest'
import { basics } from './support.js'

const ran: string[] = []

interface Fields {
  version?: string
  kernel?: string
  requires?: Record<string, Requirement>
  provides?: Record<string, Slot<unknown>>
  wraps?: Record<string, Slot<unknown>>
  contributes?: Record<string, Collection<unknown>>
  owns?: Record<string, Collection<unknown>>
  taps?: readonly Hook[]
  fires?: readonly Hook[]
  executes?: readonly ActionKind[]
  toolPrefixes?: readonly string[]
  config?: ReturnType<typeof configSchema<unknown>>
}

/** A plugin that is only ever planned; its setup says so when it runs all the same. */
function p(id: string, fields: Fields = {}): Plugin {
  const setup = () => {
    ran.push(id)
    throw new Error('setup ran')
  }
  return definePlugin({ id, ...basics, ...fields, setup } as Parameters<typeof definePlugin>[0])
}

function of(plugins: Distribution['plugins'], more: Partial<Distribution> = {}): Distribution {
  return defineDistribution({ name: 'test', version: '1.0.0', plugins, ...more })
}

const a = slot<unknown>('test.a', { contract: 1 })
const a2 = slot<unknown>('test.a', { contract: 2 })
const b = slot<unknown>('test.b', { contract: 1 })
const list = collection<unknown>('test.list', { contract: 1 })
const color = configSchema<unknown>({
  type: 'object',
  additionalProperties: false,
  properties: {
    color: { type: 'string', enum: ['red', 'blue'], default: 'red' },
    nested: { type: 'object', default: {}, properties: { depth: { type: 'integer', default: 3 } } },
  },
})

type Row = [
  rule: string,
  code: ErrorCode,
  says: RegExp,
  distribution: Distribution,
  config?: Readonly<Record<string, Json>>,
]

const rows: Row[] = [
  [
    'an entry that is no plugin',
    'PLUGIN_INVALID',
    /number 2 .*definePlugin/,
    of([p('t.a'), { id: 't.b', setup: () => {} } as never]),
  ],
  ['an entry that is undefined', 'PLUGIN_INVALID', /number 1/, of([undefined as never])],
  ['an entry that is null', 'PLUGIN_INVALID', /number 1/, of([null as never])],
  ['a use() of undefined', 'PLUGIN_INVALID', /number 1/, of([use(undefined as never, {})])],
  ['a version that is not semver', 'PLUGIN_INVALID', /"t.a".*version "one"/, of([p('t.a', { version: 'one' })])],
  ['a kernel range that is not semver', 'PLUGIN_INVALID', /kernel range "new"/, of([p('t.a', { kernel: 'new' })])],
  ...(
    [
      ['a required slot that is undefined', { requires: { a: undefined } }, /requires\.a is not a slot/],
      ['an optional slot that is undefined', { requires: { a: optional(undefined as never) } }, /requires\.a/],
      ['a required slot that is a string', { requires: { a: 'test.a' } }, /requires\.a/],
      ['a provided slot that is a collection', { provides: { a: list } }, /provides\.a is not a slot/],
      ['a list of wrapped slots', { wraps: [a] }, /wraps is not a record/],
      ['a contribution to a slot', { contributes: { a } }, /contributes\.a is not a collection/],
      ['a slot without a contract', { provides: { a: { ...a, contract: undefined } } }, /provides\.a/],
      ['a slot of contract zero', { provides: { a: { ...a, contract: 0 } } }, /provides\.a/],
      ['a tap of nothing', { taps: [undefined] }, /taps\.0 is not a hook/],
      ['a tap that is no list', { taps: beforeToolCall }, /taps is not a list/],
      ['a tap of a hook by its name', { taps: ['beforeToolCall'] }, /taps\.0/],
      ['an executed kind that is a hook', { executes: [beforeToolCall] }, /executes\.0 is not a kind of action/],
      ['a stability that is none', { stability: 'solid' }, /stability is not one of/],
      ['a tool prefix that is no text', { toolPrefixes: [1] }, /toolPrefixes/],
      ['one name for two things', { provides: { a }, contributes: { a: list } }, /"a" is used twice/],
      ['a bare schema as configuration', { config: { type: 'object' } }, /configSchema\(\)/],
    ] as const
  ).map(([rule, fields, says]): Row => [rule, 'PLUGIN_INVALID', says, of([p('t.a', fields as never)])]),
  ...['single', 'Acme.kms', 'acme..kms', 'acme.', '', 'acme kms', '1.a', 'a.b\n'].map(
    (id): Row => [`the plugin id ${JSON.stringify(id)}`, 'PLUGIN_ID_INVALID', /not valid/, of([p(id)])],
  ),
  [
    'two plugins of one id',
    'PLUGIN_DUPLICATE',
    /"t.a".*1\.0\.0 and 2\.0\.0/,
    of([p('t.a'), p('t.a', { version: '2.0.0' })]),
  ],
  [
    'a slot that is called like another plugin, and would stand for it among the guards',
    'PLUGIN_INVALID',
    /"t.b".*slot "t.a".*another plugin/,
    of([p('t.a'), p('t.b', { provides: { x: slot('t.a', { contract: 1 }) } })], { omit: ['t.a'] }),
  ],
  [
    'a wrapper of a slot that is called like a property of every object',
    'WRAP_UNLISTED',
    /"t.a".*constructor/,
    of([p('t.a', { wraps: { x: slot('constructor', { contract: 1 }) } })], { wrap: {} }),
  ],
  ['a plugin for another kernel', 'KERNEL_VERSION', /"t.a".*\^9\.0\.0/, of([p('t.a', { kernel: '^9.0.0' })])],
  [
    'a need that nobody meets',
    'SLOT_MISSING',
    /"test.a".*"t.a" and "t.b"/,
    of([p('t.a', { requires: { a } }), p('t.b', { requires: { a } })]),
  ],
  [
    'a need that only an omitted plugin meets',
    'SLOT_MISSING',
    /"t.b" provides it and is left out/,
    of([p('t.a', { requires: { a } }), p('t.b', { provides: { a } })], { omit: ['t.b'] }),
  ],
  [
    'two owners of a slot',
    'SLOT_CONFLICT',
    /"t.a" and "t.b"/,
    of([p('t.a', { provides: { a } }), p('t.b', { provides: { a } })]),
  ],
  [
    'one owner that provides a slot twice',
    'SLOT_CONFLICT',
    /"t.a" and "t.a"/,
    of([p('t.a', { provides: { a, again: a } })]),
  ],
  [
    "an owner of the kernel's own slot",
    'SLOT_CONFLICT',
    /cloned.kernel.*t.a/,
    of([p('t.a', { provides: { gate: gateSlot } })]),
  ],
  [
    'a need of another contract',
    'SLOT_CONTRACT',
    /"t.a" provides contract 1, "t.b" was built for contract 2/,
    of([p('t.a', { provides: { a } }), p('t.b', { requires: { a: a2 } })]),
  ],
  [
    'an optional need of another contract',
    'SLOT_CONTRACT',
    /contract 2/,
    of([p('t.a', { provides: { a } }), p('t.b', { requires: { a: optional(a2) } })]),
  ],
  [
    'a slot that the kernel calls, of another contract',
    'SLOT_CONTRACT',
    /"cloned.audit"/,
    of([p('t.a', { provides: { audit: slot<unknown>(auditSlot.id, { contract: 9 }) } })]),
  ],
  [
    'a collection of another contract',
    'COLLECTION_CONTRACT',
    /"cloned.tools".*"t.a".*2.*"cloned.kernel".*1/,
    of([p('t.a', { contributes: { tools: collection<unknown>(toolsCollection.id, { contract: 2 }) } })]),
  ],
  [
    'plugins that need each other',
    'PLUGIN_CYCLE',
    /t\.a \(needs test\.b\) -> t\.b \(needs test\.a\) -> t\.a/,
    of([p('t.a', { provides: { a }, requires: { b } }), p('t.b', { provides: { b }, requires: { a } })]),
  ],
  [
    'a plugin that needs itself',
    'PLUGIN_CYCLE',
    /t\.a \(needs test\.a\) -> t\.a/,
    of([p('t.a', { provides: { a }, requires: { a } })]),
  ],
  [
    'a replacement that is not listed',
    'REPLACE_UNKNOWN',
    /"t.z".*not listed/,
    of([p('t.a', { provides: { a } })], { replace: { 'test.a': 't.z' } }),
  ],
  [
    'a replacement that does not provide',
    'REPLACE_UNKNOWN',
    /does not provide it/,
    of([p('t.a')], { replace: { 'test.a': 't.a' } }),
  ],
  [
    'a replacement that takes another slot with it',
    'REPLACE_LEAVES_HOLE',
    /"t.a".*"test.a".*"test.b"/,
    of([p('t.a', { provides: { a, b } }), p('t.b', { provides: { a } })], { replace: { 'test.a': 't.b' } }),
  ],
  [
    'a replacement that names the loser for its other slot',
    'REPLACE_LEAVES_HOLE',
    /"t.a".*"test.a".*"test.b"/,
    of([p('t.a', { provides: { a, b } }), p('t.b', { provides: { a } })], {
      replace: { 'test.a': 't.b', 'test.b': 't.a' },
    }),
  ],
  [
    'two replacements that unload each other',
    'REPLACE_LEAVES_HOLE',
    /"t.a"/,
    of([p('t.a', { provides: { a, b } }), p('t.b', { provides: { a, b } })], {
      replace: { 'test.a': 't.a', 'test.b': 't.b' },
    }),
  ],
  [
    'a wrap that the distribution does not list',
    'WRAP_UNLISTED',
    /wrap: { 'test\.a': \['t\.b', 't\.c'\] }/,
    of([p('t.a', { provides: { a } }), p('t.b', { wraps: { a } }), p('t.c', { wraps: { a } })], {
      wrap: { 'test.a': ['t.b'] },
    }),
  ],
  [
    'a wrap by a plugin that is not present',
    'WRAP_UNKNOWN',
    /"t.z" for slot "test.a", and it is not present/,
    of([p('t.a', { provides: { a } })], { wrap: { 'test.a': ['t.z'] } }),
  ],
  [
    'a wrap by a plugin that does not wrap that slot',
    'WRAP_UNKNOWN',
    /does not say/,
    of([p('t.a', { provides: { a } }), p('t.b', { provides: { b } })], { wrap: { 'test.a': ['t.b'] } }),
  ],
  [
    'a wrap that is named twice',
    'WRAP_UNKNOWN',
    /twice/,
    of([p('t.a', { provides: { a } }), p('t.b', { wraps: { a } })], { wrap: { 'test.a': ['t.b', 't.b'] } }),
  ],
  [
    'a wrap around the gate of the kernel',
    'WRAP_UNKNOWN',
    /the kernel provides it/,
    of([p('t.b', { wraps: { gate: gateSlot } })], { wrap: { [gateSlot.id]: ['t.b'] } }),
  ],
  [
    'a wrap around what nobody provides',
    'SLOT_MISSING',
    /"test.a" is required by "t.b"/,
    of([p('t.b', { wraps: { a } })], { wrap: { 'test.a': ['t.b'] } }),
  ],
  [
    'a wrap for another contract than is provided',
    'SLOT_CONTRACT',
    /"t.a" provides contract 1, "t.b" was built for contract 2/,
    of([p('t.a', { provides: { a } }), p('t.b', { wraps: { a: a2 } })], { wrap: { 'test.a': ['t.b'] } }),
  ],
  [
    'a need of the contract inside of a wrap',
    'SLOT_CONTRACT',
    /"t.b" provides contract 2, "t.c" was built for contract 1/,
    of([p('t.a', { provides: { a: a2 } }), p('t.b', { wraps: { a: a2 } }), p('t.c', { requires: { a } })], {
      wrap: { 'test.a': ['t.b'] },
    }),
  ],
  [
    'a plugin that wraps what it provides',
    'PLUGIN_CYCLE',
    /t\.a \(needs test\.a\) -> t\.a/,
    of([p('t.a', { provides: { a }, wraps: { inner: a } })], { wrap: { 'test.a': ['t.a'] } }),
  ],
  [
    'a plugin that requires what it wraps',
    'PLUGIN_CYCLE',
    /t\.b \(needs test\.a\) -> t\.b/,
    of([p('t.a', { provides: { a } }), p('t.b', { requires: { a }, wraps: { inner: a } })], {
      wrap: { 'test.a': ['t.b'] },
    }),
  ],
  [
    'plugins that wrap each other the other way round',
    'PLUGIN_CYCLE',
    /t\.c \(needs test\.a\) -> t\.d \(needs test\.b\) -> t\.c/,
    of([p('t.a', { provides: { a, b } }), p('t.c', { wraps: { a, b } }), p('t.d', { wraps: { a, b } })], {
      wrap: { 'test.a': ['t.d', 't.c'], 'test.b': ['t.c', 't.d'] },
    }),
  ],
  [
    'a wrap that is no list',
    'DISTRIBUTION_INVALID',
    /wrap\.test\.a/,
    of([p('t.a')], { wrap: { 'test.a': 't.b' as never } }),
  ],
  ['an omit of what is not listed', 'OMIT_UNKNOWN', /omit leaves out "t.z".*/, of([p('t.a')], { omit: ['t.z'] })],
  [
    'a required guard that is not present',
    'GUARD_MISSING',
    /"t.z" on beforeToolCall, and it is not present/,
    of([p('t.a')], { requireGuards: { beforeToolCall: ['t.z'] } }),
  ],
  [
    'a required guard that is omitted',
    'GUARD_MISSING',
    /not present/,
    of([p('t.a', { taps: [beforeToolCall] })], { omit: ['t.a'], requireGuards: { beforeToolCall: ['t.a'] } }),
  ],
  [
    'a required guard that does not tap the hook',
    'GUARD_MISSING',
    /does not tap that hook/,
    of([p('t.a')], { requireGuards: { beforeToolCall: ['t.a'] } }),
  ],
  [
    'a required guard of a slot whose new owner does not guard',
    'GUARD_MISSING',
    /"test.a".*does not tap/,
    of([p('t.a', { provides: { a }, taps: [beforeToolCall] }), p('t.b', { provides: { a } })], {
      replace: { 'test.a': 't.b' },
      requireGuards: { beforeToolCall: ['test.a'] },
    }),
  ],
  [
    'a required guard on an unknown hook',
    'HOOK_UNKNOWN',
    /requireGuards.*"beforeTolCall"/,
    of([p('t.a')], { requireGuards: { beforeTolCall: ['t.a'] } }),
  ],
  [
    'a required guard on a hook of another kind',
    'HOOK_UNKNOWN',
    /"afterToolCall"/,
    of([p('t.a')], { requireGuards: { afterToolCall: ['t.a'] } }),
  ],
  [
    'a tap on a hook of another contract',
    'HOOK_CONTRACT',
    /"beforeToolCall".*contract 7/,
    of([p('t.a', { taps: [defineHook.guard('beforeToolCall', 7)] })]),
  ],
  [
    'a tap that takes a guard hook for an observe hook',
    'HOOK_UNKNOWN',
    /plugin "t.a" names hook "beforeToolCall".*observe/,
    of([p('t.a', { taps: [defineHook.observe('beforeToolCall')] })]),
  ],
  [
    'tool prefixes that overlap',
    'PREFIX_CONFLICT',
    /"acme.mcp." of "t.b" overlaps with "acme." of "t.a"/,
    of([p('t.a', { toolPrefixes: ['acme.'] }), p('t.b', { toolPrefixes: ['acme.mcp.'] })]),
  ],
  ...['', '.', 'acme', 'Acme.', 'acme..'].map(
    (prefix): Row => [
      `the tool prefix ${JSON.stringify(prefix)}`,
      'PLUGIN_INVALID',
      /tool prefix/,
      of([p('t.a', { toolPrefixes: [prefix] })]),
    ],
  ),
  [
    'two executors of a kind',
    'KIND_CONFLICT',
    /"policy.write".*"t.a" and "t.b"/,
    of([p('t.a', { executes: [policyWrite as ActionKind] }), p('t.b', { executes: [policyWrite as ActionKind] })]),
  ],
  ["an executor of the kernel's own kind", 'KIND_CONFLICT', /cloned.kernel/, of([p('t.a', { executes: [toolCall] })])],
  [
    'two owners of a collection',
    'COLLECTION_CONFLICT',
    /"t.a" and "t.b"/,
    of([p('t.a', { owns: { list } }), p('t.b', { owns: { list } })]),
  ],
  [
    "an owner of the kernel's own collection",
    'COLLECTION_CONFLICT',
    /cloned.kernel/,
    of([p('t.a', { owns: { tools: toolsCollection as Collection<unknown> } })]),
  ],
  [
    'a config with a typo',
    'CONFIG_INVALID',
    /\/colour is not a known key \(did you mean "color"\?\)/,
    of([use(p('t.a', { config: color }), { colour: 'red' })]),
  ],
  [
    'a config with a wrong value',
    'CONFIG_INVALID',
    /\/color must be one of.*use\(\)/,
    of([use(p('t.a', { config: color }), { color: 'green' })]),
  ],
  [
    'a run-time config with a wrong value',
    'CONFIG_INVALID',
    /run-time configuration/,
    of([p('t.a', { config: color })]),
    { 't.a': { color: 1 } },
  ],
  ['a config for a plugin that takes none', 'CONFIG_INVALID', /takes no configuration/, of([use(p('t.a'), {})])],
  [
    'a config that is not JSON',
    'CONFIG_INVALID',
    /JSON cannot say/,
    of([use(p('t.a', { config: color }), { color: Number.NaN })]),
  ],
  [
    'a config schema that is no schema',
    'CONFIG_INVALID',
    /"t.a"/,
    of([p('t.a', { config: configSchema({ type: 'colour' }) })]),
  ],
  ['a config for nobody', 'CONFIG_UNKNOWN', /"t.b".*t.a/, of([p('t.a')]), { 't.b': {} }],
  ['a mayAllow that names nobody', 'MAY_ALLOW_UNKNOWN', /"t.z"/, of([p('t.a')], { mayAllow: ['t.z'] })],
]

const text = ({ message, help }: ClonedError) => `${message} ${help}`

describe('a plan', () => {
  it.each(rows)('reports %s', (_, code, says, distribution, config) => {
    const { problems } = plan(distribution, config)
    expect(problems.map((problem) => problem.code)).toContain(code)
    expect(
      problems
        .filter((problem) => problem.code === code)
        .map(text)
        .join('\n'),
    ).toMatch(says)
    expect(ran).toEqual([])
  })

  it('has a row for every code that only the planner knows', () => {
    const planned: ErrorCode[] = [
      'PLUGIN_INVALID',
      'PLUGIN_ID_INVALID',
      'PLUGIN_DUPLICATE',
      'KERNEL_VERSION',
      'SLOT_MISSING',
      'SLOT_CONFLICT',
      'SLOT_CONTRACT',
      'PLUGIN_CYCLE',
      'REPLACE_UNKNOWN',
      'REPLACE_LEAVES_HOLE',
      'WRAP_UNKNOWN',
      'WRAP_UNLISTED',
      'DISTRIBUTION_INVALID',
      'OMIT_UNKNOWN',
      'GUARD_MISSING',
      'MAY_ALLOW_UNKNOWN',
      'HOOK_UNKNOWN',
      'HOOK_CONTRACT',
      'PREFIX_CONFLICT',
      'KIND_CONFLICT',
      'COLLECTION_CONFLICT',
      'COLLECTION_CONTRACT',
      'CONFIG_INVALID',
      'CONFIG_UNKNOWN',
    ]
    expect([...new Set(rows.map(([, code]) => code))].sort()).toEqual(planned.sort())
  })

  it('leaves out what the run-time configuration does not want, but no guard that is required', () => {
    const distribution = of([p('t.a', { taps: [beforeToolCall] }), p('t.b')], {
      requireGuards: { beforeToolCall: ['t.a'] },
    })
    expect(plan(distribution, {}, ['t.b']).plugins.map(({ id }) => id)).toEqual(['t.a'])
    expect(plan(distribution, {}, ['t.b']).problems).toEqual([])
    expect(plan(distribution, {}, ['t.a', 't.z']).problems.map(({ code }) => code)).toEqual([
      'OMIT_UNKNOWN',
      'GUARD_MISSING',
    ])
    expect(() => createKernel(distribution, { off: ['t.a'] })).toThrow(/GUARD_MISSING/)
  })

  it('reports every problem together, and the kernel refuses them in one error before any plugin code runs', () => {
    const distribution = of(
      [
        p('t.a', { provides: { a }, requires: { missing: slot<unknown>('test.nowhere', { contract: 1 }) } }),
        p('t.b', { provides: { a }, kernel: '^9.0.0', toolPrefixes: ['x.'] }),
        p('t.c', { owns: { list }, toolPrefixes: ['x.y.'] }),
        p('t.d', { owns: { list }, taps: [defineHook.guard('beforeToolCall', 3)] }),
        use(p('t.e', { config: color }), { colour: 1 }),
        p('BAD'),
      ],
      { omit: ['t.none'], mayAllow: ['t.none'], requireGuards: { beforeToolCall: ['t.none'], never: ['t.a'] } },
    )
    const config = { 't.nobody': {} }
    const codes = [
      'PLUGIN_ID_INVALID',
      'KERNEL_VERSION',
      'OMIT_UNKNOWN',
      'SLOT_CONFLICT',
      'SLOT_MISSING',
      'HOOK_CONTRACT',
      'PREFIX_CONFLICT',
      'GUARD_MISSING',
      'HOOK_UNKNOWN',
      'CONFIG_UNKNOWN',
      'CONFIG_INVALID',
      'COLLECTION_CONFLICT',
      'MAY_ALLOW_UNKNOWN',
    ]
    expect(
      plan(distribution, config)
        .problems.map(({ code }) => code)
        .sort(),
    ).toEqual([...codes].sort())
    const boot = () => createKernel(distribution, { config })
    expect(boot).toThrow(ClonedError)
    expect(boot).toThrow(expect.objectContaining({ code: 'PLAN_FAILED' }))
    for (const code of codes) expect(boot).toThrow(code)
    expect(ran).toEqual([])
  })

  it('is the same twice, runs no setup and cannot be written', () => {
    const distribution = of([
      use(p('t.a', { provides: { a }, config: color }), { color: 'blue' }),
      p('t.b', { requires: { a } }),
    ])
    const report = plan(distribution)
    expect(plan(distribution)).toEqual(report)
    expect(report.problems).toEqual([])
    expect(ran).toEqual([])
    const frozen = (value: unknown): boolean =>
      typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(frozen))
    expect(frozen(report)).toBe(true)
  })

  it('a replacement unloads the loser with its taps, contributions, kinds and prefixes', () => {
    const loser = p('t.old', {
      provides: { a },
      taps: [beforeToolCall],
      owns: { list },
      executes: [policyWrite as ActionKind],
      toolPrefixes: ['old.'],
    })
    const winner = p('t.new', { provides: { a } })
    const report = plan(
      of([loser, winner, p('t.user', { requires: { a } })], { replace: { 'test.a': 't.new' }, mayAllow: ['test.a'] }),
    )
    expect(report.problems).toEqual([])
    expect(report.plugins.map(({ id }) => id)).toEqual(['t.new', 't.user'])
    expect(report.owners['test.a']).toBe('t.new')
    expect(report.mayAllow).toEqual(['t.new'])
    expect(JSON.stringify(report)).not.toContain('t.old')
  })

  it('an optional need of a slot that nobody provides is no problem', () => {
    expect(plan(of([p('t.a', { requires: { a: optional(a) } })])).problems).toEqual([])
  })

  it('who may allow is the owner of the policy slot unless the distribution says otherwise', () => {
    const policy = p('t.a', { provides: { policy: slot<unknown>('cloned.policy', { contract: 1 }) } })
    expect(plan(of([policy, p('t.b')])).mayAllow).toEqual(['t.a'])
    expect(plan(of([policy, p('t.b')], { mayAllow: ['t.b'] })).mayAllow).toEqual(['t.b'])
    expect(plan(of([p('t.b')])).mayAllow).toEqual([])
  })

  it('lists the hooks of own kinds, with who stands on them in order', () => {
    const guard = defineHook.guard('beforeLaunch')
    const kind = actionKind({ id: 'test.launch', contract: 1, record: 'launch', onApproval: 'caller', guard })
    const report = plan(
      of([p('t.b', { taps: [guard] }), p('t.a', { executes: [kind], taps: [guard] })], {
        requireGuards: { beforeLaunch: ['t.a'] },
      }),
    )
    expect(report.problems).toEqual([])
    expect(report.hooks['beforeLaunch']).toEqual(['t.b', 't.a'])
    expect(report.requiredGuards).toEqual({ beforeLaunch: ['t.a'] })
  })
})

describe('a configuration', () => {
  const seen: unknown[] = []
  const reader = definePlugin({ id: 't.a', ...basics, config: color, setup: ({ config }) => void seen.push(config) })
  const configured = (distribution: Distribution, config?: Readonly<Record<string, Json>>): unknown => {
    createKernel(distribution, { log: () => console, osUser: 'tester', ...(config ? { config } : {}) })
    return seen.pop()
  }

  it('is filled with the defaults of its schema, at every level', () => {
    expect(configured(of([reader]))).toEqual({ color: 'red', nested: { depth: 3 } })
    expect(configured(of([use(reader, { nested: {} })]))).toEqual({ color: 'red', nested: { depth: 3 } })
  })

  it('is frozen and is not the object that was given', () => {
    const given = { color: 'blue', nested: { depth: 9 } }
    const config = configured(of([use(reader, given)])) as typeof given
    expect(config).toEqual(given)
    expect(Object.isFrozen(config) && Object.isFrozen(config.nested)).toBe(true)
    expect(Object.isFrozen(given)).toBe(false)
  })

  it('given at run time wins over use(), whole', () => {
    const distribution = of([use(reader, { color: 'blue', nested: { depth: 9 } })])
    expect(configured(distribution, { 't.a': { nested: { depth: 1 } } })).toEqual({
      color: 'red',
      nested: { depth: 1 },
    })
  })
})
