// The rules by which a policy is merged and answers: one table per rule, and the properties that hold for all of them.
import { type Action, compilePattern, type Risk } from 'cloned/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CapEntry, PackName, PolicyDocument } from '../../plugins/policy/document.js'
import { compilePolicy } from '../../plugins/policy/effective.js'
import { compileJudge, type JudgedTool } from '../../plugins/policy/judge.js'
import { type Layer, merge } from '../../plugins/policy/merge.js'
import { durationMs } from '../../plugins/policy/terms.js'

const FILE = '.cloned/policy/personal.yaml'
const overlay = (...lines: string[]) => ['version: 1', 'pack: personal', ...lines].join('\n')

function tool(id: string, risk: Risk, more: Partial<JudgedTool> = {}): JudgedTool {
  return { id, risk, capability: 'test', timeoutMs: 1000, ...more }
}

function toolCall(id: string, risk: Risk): Action {
  return { kind: 'tool.call', target: id, depth: 0, tool: tool(id, risk) } as unknown as Action
}

function action(kind: string): Action {
  return { kind, target: 'x' } as unknown as Action
}

function layer(origin: Layer['origin'], document: Omit<PolicyDocument, 'version' | 'pack'>): Layer {
  return { origin, document: { version: 1, pack: 'personal', ...document }, where: (_, as) => `${origin} ${as}` }
}

describe('decisions', () => {
  const text = overlay(
    'tools:',
    '  deny:',
    '    - acme.secrets.*',
    '    - acme.mail.send@v1',
    '  ask: [acme.mail.*, acme.files.read@v1]',
    "  allow: ['acme.*', 'other.tool@v2']",
    '  risk: { medium: deny }',
    'actions:',
    '  acme.install: allow',
    '  acme.pair: deny',
  )
  const { judge } = compilePolicy('personal', text, FILE)

  it.each<[string, Risk, string, string]>([
    ['acme.secrets.read@v1', 'low', 'deny', `${FILE}:5 tools.deny`],
    ['acme.mail.send@v1', 'low', 'deny', `${FILE}:6 tools.deny`],
    ['acme.mail.send@v2', 'low', 'ask', `${FILE}:7 tools.ask`],
    ['acme.files.read@v1', 'high', 'ask', `${FILE}:7 tools.ask`],
    ['acme.files.write@v1', 'high', 'allow', `${FILE}:8 tools.allow`],
    ['other.tool@v2', 'high', 'allow', `${FILE}:8 tools.allow`],
    ['other.tool@v1', 'high', 'ask', 'personal pack: tools.risk.high'],
    ['other.tool@v3', 'medium', 'deny', `${FILE}:9 tools.risk.medium`],
    ['other.tool@v3', 'low', 'allow', 'personal pack: tools.risk.low'],
    ['cloned.internal.fs.read@v1', 'high', 'allow', 'personal pack: tools.allow'],
  ])('%s of risk %s: %s by %s', (id, risk, answer, rule) => {
    expect(judge.action(toolCall(id, risk))).toMatchObject({ answer, rule })
    expect(judge.action(toolCall(id, risk)), 'the same when remembered').toMatchObject({ answer, rule })
  })

  it.each([
    ['acme.install', 'allow', `${FILE}:11 actions.acme.install`],
    ['acme.pair', 'deny', `${FILE}:12 actions.acme.pair`],
    ['acme.other', 'ask', 'personal pack: actions.*'],
    ['policy.write', 'ask', 'personal pack: actions.policy.write'],
    ['constructor', 'ask', 'personal pack: actions.*'],
    ['__proto__', 'ask', 'personal pack: actions.*'],
  ])('an action of kind %s: %s by %s', (kind, answer, rule) => {
    expect(judge.action(action(kind))).toMatchObject({ answer, rule })
  })

  it.each<[PackName, Risk, string]>([
    ['personal', 'low', 'allow'],
    ['personal', 'medium', 'ask'],
    ['personal', 'high', 'ask'],
    ['shared', 'low', 'allow'],
    ['shared', 'medium', 'ask'],
    ['shared', 'high', 'ask'],
    ['enterprise', 'low', 'ask'],
    ['enterprise', 'medium', 'ask'],
    ['enterprise', 'high', 'deny'],
  ])('the %s pack answers to an unknown tool of risk %s: %s', (pack, risk, answer) => {
    expect(compilePolicy(pack, undefined, FILE).judge.tool(tool('acme.x@v1', risk)).answer).toBe(answer)
  })

  it('denies a risk that is none of the three, and a tool call without its tool', () => {
    expect(judge.action(toolCall('zz.y@v1', 'constructor' as Risk)).answer).toBe('deny')
    expect(judge.action(action('tool.call')).answer).toBe('deny')
  })

  it('denies whatever no layer says, but asks for a policy write', () => {
    const silent = compileJudge(merge('personal', []))
    for (const risk of ['low', 'medium', 'high'] as const) {
      expect(silent.action(toolCall('a.b@v1', risk))).toMatchObject({ answer: 'deny', origin: 'default' })
    }
    expect(silent.action(action('acme.install')).answer).toBe('deny')
    expect(silent.action(action('policy.write')).answer).toBe('ask')
    expect(merge('personal', []).selfDecision.value).toBe(false)
  })

  it('a wildcard over every kind does not allow a policy write', () => {
    const open = compileJudge(merge('personal', [layer('overlay', { actions: { '*': 'allow' } })]))
    expect(open.action(action('acme.install')).answer).toBe('allow')
    expect(open.action(action('policy.write')).answer).toBe('ask')
  })
})

describe('capabilities, limits and approvers', () => {
  const at = (text: string) => compilePolicy('personal', text, FILE)

  it.each<[string, string, string, string]>([
    [
      'a denied capability goes before an allowed tool',
      "tools: { allow: ['*'] }",
      'capabilities: { deny: [net.*] }',
      'deny',
    ],
    [
      'a denied tool goes before an allowed capability',
      'tools: { deny: [a.b@v1] }',
      'capabilities: { allow: [net.*] }',
      'deny',
    ],
    [
      'an asked-for capability goes before an allowed tool',
      "tools: { allow: ['*'] }",
      'capabilities: { ask: [net.*] }',
      'ask',
    ],
    ['an allowed capability goes before the risk', 'tools: {}', 'capabilities: { allow: [net.*] }', 'allow'],
    [
      'another capability says nothing',
      'tools: {}',
      'capabilities: { deny: [fs.*], ask: [fs.*], allow: [fs.*] }',
      'ask',
    ],
  ])('%s', (_, tools, capabilities, answer) => {
    const { judge } = at(overlay(tools, capabilities))
    expect(judge.tool(tool('a.b@v1', 'high', { capability: 'net.fetch' })).answer).toBe(answer)
  })

  it('the capability counts that the tool has now, not the one it had when it was asked first', () => {
    const { judge } = at(overlay('capabilities: { deny: [net.*] }'))
    expect(judge.tool(tool('a.b@v1', 'low', { capability: 'fs.read' })).answer).toBe('allow')
    expect(judge.tool(tool('a.b@v1', 'low', { capability: 'net.fetch' })).answer).toBe('deny')
  })

  it('what goes beyond a limit is denied whatever the lists say', () => {
    const { judge } = at(overlay("tools: { allow: ['*'] }", 'limits: { depth: 1, timeout: 1m }'))
    const call = (depth: number) => judge.action({ ...toolCall('a.b@v1', 'low'), depth } as Action).answer
    expect([call(0), call(1), call(2)]).toEqual(['allow', 'allow', 'deny'])
    expect(judge.tool(tool('a.b@v1', 'low', { timeoutMs: 60_000 })).answer).toBe('allow')
    expect(judge.tool(tool('a.b@v1', 'low', { timeoutMs: 60_001 })).answer).toBe('deny')
  })

  it('approvals come out compiled, defaulted and in the order in which they count', () => {
    const { content } = at(
      overlay(
        'approvals:',
        '  max_pending_per_actor: 5',
        '  approvers:',
        '    - { id: "user:bob", os_user: bob, roles: [owners] }',
        `    - { id: "user:eve", key: ${'A'.repeat(43)} }`,
        '  rules:',
        '    - { tools: ["a.*"], quorum: { n: 1, role: owners }, escalate: { after: 1h, role: owners } }',
      ),
    )
    expect(content.approvals).toEqual({
      expiresMs: 86_400_000,
      selfDecision: true,
      maxPendingPerActor: 5,
      approvers: [
        { id: 'user:bob', osUser: 'bob', roles: ['owners'] },
        { id: 'user:eve', key: 'A'.repeat(43), roles: [] },
      ],
      rules: [
        {
          tools: ['a.*'],
          actions: [],
          quorum: { n: 1, role: 'owners' },
          escalate: { afterMs: 3_600_000, role: 'owners' },
          grants: 'allow',
          at: `${FILE}:9 approvals.rules`,
        },
        { tools: [], actions: ['policy.write'], grants: 'deny', at: 'personal pack: approvals.rules' },
      ],
    })
  })

  it('nobody is two people: an approver of the overlay takes the place of those of the pack that share anything', () => {
    const entry = (id: string, os_user: string) => ({ id, os_user })
    const over = layer('overlay', { approvals: { approvers: [entry('user:a', 'x')] } })
    const under = layer('pack', {
      approvals: { approvers: [entry('user:b', 'x'), entry('user:a', 'y'), entry('user:c', 'z')] },
    })
    expect(merge('personal', [over, under]).approvers.map(({ value }) => value.id)).toEqual(['user:a', 'user:c'])
  })
})

describe('merging', () => {
  const cap = (category: string, limit: number, window: string, tools?: string[]): CapEntry => ({
    category,
    limit,
    window,
    ...(tools ? { tools } : {}),
  })
  const merged = (over: Omit<PolicyDocument, 'version' | 'pack'>, under: Omit<PolicyDocument, 'version' | 'pack'>) =>
    merge('personal', [layer('overlay', over), layer('pack', under)])

  it('puts the entries of the overlay in front of those of the pack', () => {
    const { tools } = merged({ tools: { deny: ['b.*'] } }, { tools: { deny: ['a.*', 'b.*'] } })
    expect(tools.deny).toEqual([
      { value: 'b.*', origin: 'overlay', at: 'overlay tools.deny' },
      { value: 'a.*', origin: 'pack', at: 'pack tools.deny' },
      { value: 'b.*', origin: 'pack', at: 'pack tools.deny' },
    ])
  })

  it('takes scalars and entries of maps from the overlay key by key', () => {
    const { tools, actions, expiresMs, selfDecision } = merged(
      { tools: { risk: { low: 'ask' } }, actions: { a: 'deny' }, approvals: { expires: '2h' } },
      {
        tools: { risk: { low: 'allow', high: 'ask' } },
        actions: { a: 'allow', b: 'ask' },
        approvals: { self_decision: true },
      },
    )
    expect([tools.risk.low.value, tools.risk.medium.value, tools.risk.high.value]).toEqual(['ask', 'deny', 'ask'])
    expect([...actions].map(([kind, { value }]) => [kind, value])).toEqual([
      ['a', 'deny'],
      ['b', 'ask'],
    ])
    expect(expiresMs).toMatchObject({ value: 7_200_000, origin: 'overlay' })
    expect(selfDecision).toMatchObject({ value: true, origin: 'pack' })
  })

  it.each<[string, CapEntry[], CapEntry[], string[]]>([
    ['same category: replaced', [cap('calls', 1, '1m')], [cap('calls', 9, '1h'), cap('calls', 8, '1d')], ['calls 1']],
    ['other category: added', [cap('tokens', 1, '1m')], [cap('calls', 9, '1h')], ['tokens 1', 'calls 9']],
    ['other tools: added', [cap('calls', 1, '1m', ['a.*'])], [cap('calls', 9, '1h')], ['calls 1', 'calls 9']],
    [
      'same tools in another order: replaced',
      [cap('calls', 1, '1m', ['a.*', 'b.*'])],
      [cap('calls', 9, '1h', ['b.*', 'a.*'])],
      ['calls 1'],
    ],
    [
      'several windows in one overlay: all kept',
      [cap('calls', 1, '1m'), cap('calls', 5, '1h')],
      [cap('calls', 9, '1h')],
      ['calls 1', 'calls 5'],
    ],
  ])('caps of the %s', (_, over, under, expected) => {
    const { budgets } = merged({ budgets: over }, { budgets: under })
    expect(budgets.map(({ value }) => `${value.category} ${value.limit}`)).toEqual(expected)
  })

  it.each([
    ['90s', 90_000],
    ['15m', 900_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
  ])('reads %s as %d ms', (text, ms) => {
    expect(durationMs(text)).toBe(ms)
  })

  it('is the same by digest exactly when it says the same', () => {
    const of = (text?: string) => compilePolicy('personal', text, FILE).content
    expect(of(overlay('# nothing')).digest).toBe(of().digest)
    expect(of(overlay('# nothing')).overlay).not.toBe(of().overlay)
    expect(of(overlay('tools: { risk: { low: ask } }')).digest).not.toBe(of().digest)
  })

  it('makes snapshots that nobody can change', () => {
    const { content } = compilePolicy(
      'personal',
      overlay('budgets:', '  - { category: calls, limit: 1, window: 1h, tools: ["a.*"] }'),
      FILE,
    )
    const open: string[] = []
    const walk = (value: unknown, path: string): void => {
      if (typeof value !== 'object' || value === null) return
      if (!Object.isFrozen(value)) open.push(path)
      for (const [key, inner] of Object.entries(value)) walk(inner, `${path}/${key}`)
    }
    walk(content, '')
    expect(open).toEqual([])
  })
})

const ID = fc.stringMatching(/^[a-c]{1,2}(\.[a-c]{1,2}){1,3}@v[12]$/)
/** A pattern made out of an id by putting stars in the place of runs of it. */
const PATTERN = fc
  .tuple(ID, fc.nat(10), fc.nat(6))
  .map(([id, at, length]) => `${id.slice(0, at)}*${id.slice(at + length)}`)
const ENTRY = fc.oneof(ID, PATTERN)

/** The slow and obvious matcher: a table of which prefixes fit. */
function fits(pattern: string, id: string): boolean {
  let row = [...Array(id.length + 1).keys()].map((length) => length === 0)
  for (const char of pattern) {
    const next: boolean[] = []
    for (let at = 0; at <= id.length; at++) {
      next[at] =
        char === '*'
          ? (row[at] ?? false) || (at > 0 && (next[at - 1] ?? false))
          : at > 0 && (row[at - 1] ?? false) && id[at - 1] === char
    }
    row = next
  }
  return row[id.length] ?? false
}

describe('patterns', () => {
  it.each([
    ['acme.*', 'acme.files.read@v1', true],
    ['acme.*', 'xacme.files.read@v1', false],
    ['acme', 'acme.files.read@v1', false],
    ['*@v1', 'acme.read@v1', true],
    ['*@v1', 'acme.read@v11', false],
    ['*', 'anything@v1', true],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['a*ab*b', 'aabb', true],
    ['a*ab*b', 'aab', false],
    ['a.b@v1', 'aXb@v1', false],
    ['**read**', 'acme.read@v1', true],
  ])('%s and %s: %s', (pattern, id, expected) => {
    expect(compilePattern(pattern)(id)).toBe(expected)
  })

  it('match like the obvious matcher, whole ids only', () => {
    const text = fc.stringMatching(/^[ab.]{0,12}$/)
    fc.assert(
      fc.property(fc.stringMatching(/^[ab.*]{0,8}$/), text, (pattern, id) => {
        expect(compilePattern(pattern)(id)).toBe(fits(pattern, id))
      }),
      { numRuns: 2000 },
    )
  })

  it('look at each literal part at most once, so that a hostile pattern ends', () => {
    // With backtracking this is beyond any computer: 100 stars over 10 000 equal characters.
    const matches = compilePattern(`${'*a'.repeat(100)}*b`)
    expect(matches('a'.repeat(10_000))).toBe(false)
    expect(matches(`${'a'.repeat(10_000)}b`)).toBe(true)
  })
})

describe('for every policy', () => {
  const lists = fc.record({
    deny: fc.array(ENTRY, { maxLength: 3 }),
    ask: fc.array(ENTRY, { maxLength: 3 }),
    allow: fc.array(ENTRY, { maxLength: 3 }),
  })

  it('deny goes before ask before allow before risk, in whichever file they stand', () => {
    fc.assert(
      fc.property(lists, lists, ID, fc.constantFrom('low', 'medium', 'high'), (over, under, id, risk: Risk) => {
        const judge = compileJudge(
          merge('personal', [layer('overlay', { tools: over }), layer('pack', { tools: under })]),
        )
        const named = (list: 'deny' | 'ask' | 'allow') =>
          [...over[list], ...under[list]].some((entry) => fits(entry, id))
        const expected = named('deny') ? 'deny' : named('ask') ? 'ask' : named('allow') ? 'allow' : 'deny'
        expect(judge.tool(tool(id, risk)).answer).toBe(expected)
      }),
      { numRuns: 1000 },
    )
  })

  it('an entry in deny is final: nothing that an overlay adds takes it out', () => {
    fc.assert(
      fc.property(ENTRY, lists, ID, (denied, over, id) => {
        fc.pre(fits(denied, id))
        const under = layer('pack', { tools: { deny: [denied] } })
        const over2 = layer('overlay', { tools: { ...over, deny: [], allow: ['*', id] } })
        expect(compileJudge(merge('personal', [over2, under])).tool(tool(id, 'low')).answer).toBe('deny')
      }),
    )
  })
})
