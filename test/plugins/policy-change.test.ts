// The rules for the metadata of a change, and for which changes pass unasked.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Json, type JsonObject, parseYaml, policyWrite, type Risk, readSchema, sha256 } from 'cloned/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compilePolicy } from '../../plugins/policy/effective.js'
import { type ChangeMetadata, withMetadata } from '../../plugins/policy/metadata.js'
import { tightens } from '../../plugins/policy/tightening.js'
import { policyWorld } from './policy-fixture.js'

const FILE = '.cloned/policy/personal.yaml'
const overlay = (...lines: string[]) => `${['version: 1', 'pack: personal', ...lines].join('\n')}\n`
const CHANGE: ChangeMetadata = {
  id: 'chg_1',
  requested_by: 'agent:a',
  requested_at: '2026-01-01T00:00:00.000Z',
  approved_by: 'user:b',
  approved_at: '2026-01-01T00:01:00.000Z',
  approval: 'ap_1',
  audit: { seq: 7, hash: '0'.repeat(64) },
  previous: null,
}

describe('the metadata of a change', () => {
  it('lands behind the pack, and everything else stays: comments, order, blank lines', () => {
    const text = [
      '# top',
      'version: 1',
      'pack: personal # mine',
      '',
      '# why',
      'tools:',
      '  deny:',
      '    - a.* # one',
      '',
    ].join('\n')
    const written = withMetadata(text, CHANGE, FILE)
    const [before = '', after = ''] = text.split('pack: personal # mine\n')
    expect(written.startsWith(before)).toBe(true)
    expect(written.endsWith(after)).toBe(true)
    expect((parseYaml(written, { path: FILE }) as JsonObject)['change']).toEqual(CHANGE)
  })

  it('takes the place of what stood there, written by whomever', () => {
    const forged = overlay('change: { id: chg_0, approved_by: nobody }', 'tools: { deny: [ a.* ] } # kept')
    const written = withMetadata(forged, CHANGE, FILE)
    expect(withMetadata(written, CHANGE, FILE)).toBe(written)
    expect(written).not.toContain('nobody')
    expect(written).toContain('# kept')
  })

  it('is refused where it would change what the overlay says', () => {
    const anchored = overlay('change: &a { id: x }', 'ui: *a')
    expect(() => withMetadata(anchored, CHANGE, FILE)).toThrow()
    expect(() => withMetadata('- 1\n', CHANGE, FILE)).toThrow()
  })

  it('names who asked, who approved, and the record of the decision, as the log has them', async () => {
    const world = await policyWorld('shared')
    try {
      const [ann, bob] = [await world.open('ann'), await world.open('bob')]
      const content = 'version: 1\npack: shared\n# why\ntools: { deny: [ a.* ] }\n'
      const input = { pack: 'shared', content, previous: null }
      const outcome = await ann.kernel.act(policyWrite, { target: 'shared', input, actor: 'agent:a' })
      if (outcome.status !== 'pending') throw new Error('not pending')
      const { id } = outcome.approval
      await bob.approvals.decide(id, { verdict: 'approve', by: bob.kernel.actor() })
      const lines = readFileSync(join(world.root, '.cloned', 'audit.log'), 'utf8').split('\n')
      const place = lines.findIndex((line) => line.includes('"type":"approval.decided"'))
      const { change } = parseYaml(readFileSync(world.overlay, 'utf8'), { path: FILE }) as unknown as {
        change: ChangeMetadata
      }
      expect(change).toMatchObject({ requested_by: 'agent:a', approved_by: 'user:bob', approval: id, previous: null })
      expect(change.audit).toEqual({ seq: place + 1, hash: sha256(`${lines[place]}\n`) })
      expect(change.requested_at <= change.approved_at).toBe(true)
      const { required } = (readSchema('policy_pack')['properties'] as { change: { required: string[] } }).change
      expect(Object.keys(change)).toEqual(required)
    } finally {
      await world.close()
    }
  })
})

describe('a write that only tightens', () => {
  const PASSES = 'writes: { tightening: allow }'

  it('passes unasked where the policy says so, by the name of that rule; anything else is asked for', async () => {
    const world = await policyWorld()
    try {
      const opened = await world.open()
      const act = (...lines: string[]) => {
        const previous = opened.policy.snapshot().overlay
        const input = { pack: 'personal', content: overlay(...lines), previous }
        return opened.kernel.act(policyWrite, { target: 'personal', input })
      }
      expect((await act('tools: { deny: [ a.* ] }')).status, 'by the pack alone').toBe('pending')
      const first = await act(PASSES)
      if (first.status !== 'pending') throw new Error('a loosening passed')
      await opened.approvals.decide(first.approval.id, { verdict: 'approve', by: opened.kernel.actor() })
      expect((await act(PASSES, 'tools: { deny: [ a.* ] }')).status).toBe('done')
      const { change } = parseYaml(readFileSync(world.overlay, 'utf8'), { path: FILE }) as unknown as {
        change: ChangeMetadata
      }
      expect(change.approved_by).toMatch(/personal\.yaml:\d+ writes\.tightening$/)
      expect(change.approval).toBe(null)
      const intent = JSON.parse(
        readFileSync(join(world.root, '.cloned', 'audit.log'), 'utf8').split('\n')[change.audit.seq - 1] ?? '',
      ) as JsonObject
      expect(intent['type']).toBe('policy.intent')
      expect((await act(PASSES)).status, 'taking it back').toBe('pending')
    } finally {
      await world.close()
    }
  })

  const PUBLIC = 'egress: { global: { allow: [ { host: a.test } ] } }'
  const PRIVATE =
    'egress: { global: { allow: [ { host: a.test, ports: [443], addresses: [10.0.0.0/8] }, { host: b.test } ] } }'
  it.each<[string, string, string, boolean]>([
    ['a tool denied', '', 'tools: { deny: [ a.* ] }', true],
    ['a tool not denied any more', 'tools: { deny: [ a.* ] }', '', false],
    ['a tool asked for', '', 'tools: { ask: [ a.* ] }', true],
    [
      'a tool asked for where its risk alone would deny',
      'tools: { risk: { high: deny } }',
      'tools: { risk: { high: deny }, ask: [ a.* ] }',
      false,
    ],
    ['a tool not asked for any more', 'tools: { ask: [ a.* ] }', '', false],
    ['a tool allowed', '', 'tools: { allow: [ a.* ] }', false],
    ['a tool not allowed any more', 'tools: { allow: [ a.* ] }', '', true],
    ['a capability denied', '', 'capabilities: { deny: [ net.* ] }', true],
    ['a capability allowed', '', 'capabilities: { allow: [ net.* ] }', false],
    ['a risk denied', '', 'tools: { risk: { low: deny } }', true],
    ['a risk allowed', '', 'tools: { risk: { high: allow } }', false],
    ['another kind denied', '', 'actions: { acme.pair: deny }', true],
    ['another kind allowed', '', 'actions: { acme.pair: allow }', false],
    ['a kind named like a property', '', 'actions: { constructor: allow }', false],
    ['policy writes denied, which could not be taken back', '', 'actions: { policy.write: deny }', false],
    ['requests that expire sooner', '', 'approvals: { expires: 1h }', true],
    ['requests that expire later', '', 'approvals: { expires: 48h }', false],
    ['another approver', '', 'approvals: { approvers: [ { id: "user:x", os_user: x } ] }', false],
    ['a quorum', '', 'approvals: { rules: [ { tools: ["*"], quorum: { n: 2 } } ] }', false],
    ['a publisher denied', '', 'publishers: { deny: [ acme ] }', true],
    ['a publisher asked for, who was denied', '', 'publishers: { ask: [ acme ] }', false],
    ['fewer calls', '', 'budgets: [ { category: calls, limit: 5, window: 1h } ]', true],
    ['more calls', '', 'budgets: [ { category: calls, limit: 50000, window: 1h } ]', false],
    ['another window', '', 'budgets: [ { category: calls, limit: 5, window: 1m } ]', false],
    ['a cap more', '', 'budgets: [ { category: tokens, limit: 5, window: 1m } ]', true],
    ['fewer levels', '', 'limits: { depth: 1 }', true],
    ['longer calls', '', 'limits: { timeout: 2d }', false],
    ['an origin', '', 'ui: { origins: [ "https://a.test" ] }', false],
    ['a host', '', PUBLIC, false],
    ['a host less', PUBLIC, '', true],
    ['a host denied', '', 'egress: { global: { deny: [ { host: a.test } ] } }', true],
    [
      'a host less, where another rule leads to private addresses',
      PRIVATE,
      PRIVATE.replace(', { host: b.test }', ''),
      false,
    ],
    ['writes that pass unasked', '', PASSES, false],
    ['nothing', PUBLIC, PUBLIC, true],
  ])('%s', (_, before, after, expected) => {
    const of = (line: string) => compilePolicy('personal', overlay(line), FILE).content
    expect(tightens(of(before), of(after))).toBe(expected)
  })

  it('never gives any call more than it had', () => {
    const RANK = { deny: 0, ask: 1, allow: 2 }
    const PATTERN = fc.constantFrom('a.*', 'a.b@v1', '*', 'b.*', '*@v1')
    const ANSWER = fc.constantFrom('allow', 'ask', 'deny')
    const LISTS = fc.record(
      { deny: fc.uniqueArray(PATTERN), ask: fc.uniqueArray(PATTERN), allow: fc.uniqueArray(PATTERN) },
      { requiredKeys: [] },
    )
    const SAYS = fc.record(
      {
        tools: fc
          .tuple(LISTS, fc.record({ low: ANSWER, medium: ANSWER, high: ANSWER }, { requiredKeys: [] }))
          .map(([lists, risk]) => ({ ...lists, risk })),
        capabilities: fc.record(
          {
            deny: fc.uniqueArray(fc.constantFrom('x', 'y', '*')),
            ask: fc.uniqueArray(fc.constantFrom('x', 'y', '*')),
            allow: fc.uniqueArray(fc.constantFrom('x', 'y', '*')),
          },
          { requiredKeys: [] },
        ),
        actions: fc.dictionary(fc.constantFrom('p', 'q', '*'), ANSWER, { noNullPrototype: true }),
        limits: fc.record({ depth: fc.nat(3) }),
      },
      { requiredKeys: [] },
    )
    const compiled = (says: object) =>
      compilePolicy('personal', JSON.stringify({ version: 1, pack: 'personal', ...says } as unknown as Json), FILE)
    let found = 0
    fc.assert(
      fc.property(SAYS, SAYS, fc.boolean(), (one, other, close) => {
        // Most pairs have nothing in common: half of them differ in one section only.
        const [section] = Object.entries(other)
        const before = compiled(one)
        const after = compiled(close ? { ...one, ...(section ? { [section[0]]: section[1] } : {}) } : other)
        if (!tightens(before.content, after.content)) return
        found++
        for (const id of ['a.b@v1', 'a.c@v2', 'b.c@v1', 'c.d@v2'])
          for (const risk of ['low', 'medium', 'high'] as Risk[])
            for (const capability of ['x', 'y', 'z'])
              for (const depth of [0, 2]) {
                const call = { kind: 'tool.call', depth, tool: { id, risk, capability, timeoutMs: 1 } } as never
                expect(RANK[after.judge.action(call).answer]).toBeLessThanOrEqual(
                  RANK[before.judge.action(call).answer],
                )
              }
        for (const kind of ['p', 'q', 'r', 'policy.write']) {
          const action = { kind } as never
          expect(RANK[after.judge.action(action).answer]).toBeLessThanOrEqual(RANK[before.judge.action(action).answer])
        }
      }),
      { numRuns: 1000 },
    )
    expect(found, 'pairs that tighten').toBeGreaterThan(20)
  })
})
