// The rules by which egress rules are compiled and requests decided: tables, and the properties that hold for all of them.
import { isClonedError } from 'cloned/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileEgress } from '../../plugins/firewall/decide.js'
import { parseTarget, type Target } from '../../plugins/firewall/target.js'
import type { EgressPolicy, EgressRule } from '../../plugins/policy/slot.js'

type Rule = Omit<EgressRule, 'at'>
type Lists = { deny?: Rule[]; allow?: Rule[] }

function policy(
  global: Lists,
  more: { tools?: Record<string, Lists>; connectors?: Record<string, Lists> } = {},
): EgressPolicy {
  const lists = ({ deny = [], allow = [] }: Lists, scope: string) => ({
    deny: deny.map((rule, i) => ({ ...rule, at: `${scope}.deny.${i}` })),
    allow: allow.map((rule, i) => ({ ...rule, at: `${scope}.allow.${i}` })),
  })
  const named = (scopes: Record<string, Lists> = {}, as: string) =>
    Object.fromEntries(Object.entries(scopes).map(([id, found]) => [id, lists(found, `${as}.${id}`)]))
  return {
    global: lists(global, 'global'),
    tools: named(more.tools, 'tools'),
    connectors: named(more.connectors, 'connectors'),
  }
}

function target(url: string): Target {
  const read = parseTarget(url)
  if ('refused' in read) throw new Error(`${url}: ${read.reason}`)
  return read
}

const TOOL = 'acme.mail.send@v1'

describe('one scope', () => {
  const decide = compileEgress(
    policy({
      deny: [
        { host: 'bad.example.com' },
        { host: '*.bad.example.com', methods: ['POST'] },
        { host: '*.com', ports: [8443] },
      ],
      allow: [
        { host: 'example.com' },
        { host: '*.example.com' },
        { host: 'ports.example.org', ports: [8443, 9443] },
        { host: 'plain.example.org', schemes: ['http'] },
        { host: 'both.example.org', schemes: ['http', 'https'] },
        { host: 'read.example.org', methods: ['GET', 'HEAD'] },
        { host: 'read.example.org', methods: ['POST'], ports: [444] },
        { host: '10.1.2.3', ports: [443] },
        { host: '9.9.9.9' },
        { host: '[2606:4700::1111]' },
      ],
    }),
  )

  it.each<[string, string, string]>([
    ['GET', 'https://example.com/', 'global.allow.0'],
    ['GET', 'https://EXAMPLE.COM./x', 'global.allow.0'],
    ['DELETE', 'https://example.com/', 'global.allow.0'],
    ['GET', 'https://a.example.com/', 'global.allow.1'],
    ['GET', 'https://a.b.example.com/', 'NO_RULE'],
    ['GET', 'https://xexample.com/', 'NO_RULE'],
    ['GET', 'https://example.com.evil.org/', 'NO_RULE'],
    ['GET', 'https://evil.org/example.com', 'NO_RULE'],
    ['GET', 'http://example.com/', 'SCHEME'],
    ['GET', 'https://example.com:444/', 'PORT'],
    ['GET', 'https://example.com:80/', 'PORT'],
    ['GET', 'https://bad.example.com/', 'DENIED'],
    ['GET', 'https://x.bad.example.com/', 'NO_RULE'],
    ['GET', 'https://example.com:8443/', 'DENIED'],
    ['GET', 'https://ports.example.org:8443/', 'global.allow.2'],
    ['GET', 'https://ports.example.org/', 'PORT'],
    ['GET', 'http://plain.example.org/', 'global.allow.3'],
    ['GET', 'https://plain.example.org/', 'SCHEME'],
    ['GET', 'http://both.example.org/', 'global.allow.4'],
    ['GET', 'https://both.example.org/', 'global.allow.4'],
    ['HEAD', 'https://read.example.org/', 'global.allow.5'],
    ['POST', 'https://read.example.org/', 'PORT'],
    ['POST', 'https://read.example.org:444/', 'global.allow.6'],
    ['get', 'https://example.com/', 'METHOD'],
    ['TRACE', 'https://example.com/', 'METHOD'],
    ['CONNECT', 'https://example.com/', 'global.allow.0'],
    ['CONNECT', 'https://read.example.org:444/', 'METHOD'],
    ['CONNECT', 'https://bad.example.com/', 'DENIED'],
    ['TRACK', 'https://example.com/', 'METHOD'],
    ['', 'https://example.com/', 'METHOD'],
    ['GET', 'https://10.1.2.3/', 'global.allow.7'],
    ['GET', 'https://10.1.2.4/', 'NO_RULE'],
    ['GET', 'https://[::ffff:10.1.2.3]/', 'global.allow.7'],
    ['GET', 'https://9.9.9.9/', 'global.allow.8'],
    ['GET', 'https://[2606:4700:0::1111]/', 'global.allow.9'],
    ['GET', 'https://1.1.1.1/', 'NO_RULE'],
  ])('%s %s: %s', (method, url, expected) => {
    const first = decide({ tool: TOOL }, method, target(url))
    expect(first.allowed ? first.rule : first.code).toBe(expected)
    expect(decide({ tool: TOOL }, method, target(url)), 'the same when remembered').toEqual(first)
  })
})

describe('scopes', () => {
  const decide = compileEgress(
    policy(
      { allow: [{ host: 'all.test' }, { host: 'shared.test' }], deny: [{ host: 'never.test' }] },
      {
        tools: {
          [TOOL]: {
            allow: [{ host: 'tool.test' }, { host: 'shared.test' }, { host: 'never.test' }],
            deny: [{ host: 'all.test' }],
          },
        },
        connectors: {
          mail: {
            allow: [{ host: 'mail.test' }, { host: 'shared.test' }],
            deny: [{ host: 'tool.test', methods: ['PUT'] }],
          },
        },
      },
    ),
  )
  it.each<[string, string | undefined, string, string]>([
    [TOOL, undefined, 'https://shared.test/', `tools.${TOOL}.allow.1`],
    ['other.tool@v1', 'mail', 'https://shared.test/', 'connectors.mail.allow.1'],
    ['other.tool@v1', undefined, 'https://shared.test/', 'global.allow.1'],
    [TOOL, undefined, 'https://all.test/', 'DENIED'],
    ['other.tool@v1', undefined, 'https://all.test/', 'global.allow.0'],
    [TOOL, undefined, 'https://never.test/', 'DENIED'],
    [TOOL, undefined, 'https://mail.test/', 'NO_RULE'],
    [TOOL, 'mail', 'https://mail.test/', 'connectors.mail.allow.0'],
    [TOOL, 'other', 'https://mail.test/', 'NO_RULE'],
    ['other.tool@v1', undefined, 'https://tool.test/', 'NO_RULE'],
    ['acme.mail.send@v2', undefined, 'https://tool.test/', 'NO_RULE'],
    ['__proto__', '__proto__', 'https://tool.test/', 'NO_RULE'],
    ['constructor', 'constructor', 'https://tool.test/', 'NO_RULE'],
  ])('%s of connector %s to %s: %s', (tool, connector, url, expected) => {
    const decision = decide({ tool, ...(connector === undefined ? {} : { connector }) }, 'GET', target(url))
    expect(decision.allowed ? decision.rule : decision.code).toBe(expected)
  })

  it('what one caller was answered is never the answer for another', () => {
    const callers = fc.record({
      tool: fc.constantFrom(TOOL, 'other.tool@v1'),
      connector: fc.constantFrom('mail', 'none'),
    })
    const hosts = fc.constantFrom('all', 'tool', 'mail', 'shared', 'never')
    const ask = fc.tuple(callers, fc.constantFrom('GET', 'PUT'), hosts)
    fc.assert(
      fc.property(fc.array(ask, { maxLength: 30 }), (asked) => {
        for (const [caller, method, host] of asked) {
          const fresh = FRESH(caller, method, target(`https://${host}.test/`))
          expect(decide(caller, method, target(`https://${host}.test/`))).toEqual(fresh)
        }
      }),
      { numRuns: 100 },
    )
  })
  const FRESH: typeof decide = (...args) =>
    compileEgress(
      policy(
        { allow: [{ host: 'all.test' }, { host: 'shared.test' }], deny: [{ host: 'never.test' }] },
        {
          tools: {
            [TOOL]: {
              allow: [{ host: 'tool.test' }, { host: 'shared.test' }, { host: 'never.test' }],
              deny: [{ host: 'all.test' }],
            },
          },
          connectors: {
            mail: {
              allow: [{ host: 'mail.test' }, { host: 'shared.test' }],
              deny: [{ host: 'tool.test', methods: ['PUT'] }],
            },
          },
        },
      ),
    )(...args)
})

describe('rules that are refused', () => {
  it.each<[Rule, RegExp]>([
    [{ host: '*.com' }, /different owners/],
    [{ host: '*.co.uk' }, /different owners/],
    [{ host: '*.github.io' }, /different owners/],
    [{ host: '*.s3.amazonaws.com' }, /different owners/],
    [{ host: '*.workers.dev' }, /different owners/],
    [{ host: '*.vercel.app' }, /different owners/],
    [{ host: '*.kawasaki.jp' }, /different owners/],
    [{ host: '*.nip.io' }, /different owners/],
    [{ host: '*.corp' }, /different owners/],
    [{ host: '*.internal' }, /different owners/],
    [{ host: '*.xn--p1ai' }, /different owners/],
    [{ host: '*' }, /no host/],
    [{ host: '*.' }, /no host/],
    [{ host: '*.*.example.com' }, /no host/],
    [{ host: 'a.*.example.com' }, /no host/],
    [{ host: '*example.com' }, /no host/],
    [{ host: '*.10.0.0.1' }, /no host/],
    [{ host: '' }, /no host/],
    [{ host: 'localhost' }, /no host/],
    [{ host: 'intranet' }, /no host/],
    [{ host: 'https://example.com' }, /no host/],
    [{ host: 'example.com:443' }, /no host/],
    [{ host: 'example.com/path' }, /no host/],
    [{ host: '0x7f.1', ports: [80] }, /no host.*127\.0\.0\.1/],
    [{ host: 'EXAMPLE.com' }, /one spelling: example\.com$/],
    [{ host: 'example.com.' }, /one spelling: example\.com$/],
    [{ host: 'bücher.example' }, /one spelling: xn--bcher-kva\.example$/],
    [{ host: '*.Bücher.example' }, /one spelling: \*\.xn--bcher-kva\.example$/],
    [{ host: 'еxample.com' }, /one spelling: xn--xample-2of\.com$/],
    [{ host: '[::ffff:10.0.0.1]', ports: [80] }, /one spelling: 10\.0\.0\.1$/],
    [{ host: '[0::1]', ports: [80] }, /one spelling: \[::1\]$/],
    [{ host: '169.254.169.254', ports: [80] }, /never contacted/],
    [{ host: '0.0.0.0', ports: [80] }, /never contacted/],
    [{ host: '[fe80::1]', ports: [80] }, /never contacted/],
    [{ host: '127.0.0.1' }, /without naming ports/],
    [{ host: '10.0.0.1' }, /without naming ports/],
    [{ host: 'nas.test', addresses: ['10.0.0.0/8'] }, /without naming ports/],
    [{ host: 'nas.test', addresses: ['10.0.0.1/8'], ports: [443] }, /not a range/],
    [{ host: 'nas.test', addresses: ['10.0.0.1'], ports: [443] }, /not a range/],
    [{ host: 'nas.test', addresses: ['fd00:0::/16'], ports: [443] }, /not a range/],
    [{ host: 'nas.test', addresses: ['0.0.0.0/0'], ports: [443] }, /not within one/],
    [{ host: 'nas.test', addresses: ['169.254.0.0/16'], ports: [443] }, /not within one/],
    [{ host: 'nas.test', addresses: ['8.8.8.0/24'], ports: [443] }, /not within one/],
    [{ host: 'k8s.test', addresses: ['10.0.0.0/8'], ports: [443, 6443] }, /port 6443/],
    [{ host: '10.0.0.1', ports: [2379, 10250] }, /port 2379, 10250/],
    [{ host: 'example.com', schemes: ['http', 'https'], ports: [8080] }, /two schemes/],
  ])('%j', (rule, problem) => {
    const reason = refusal(policy({ allow: [rule] }))
    expect(reason).toMatch(/\(global\.allow\.0\)/)
    expect(reason.replace(/\.$/, '')).toMatch(problem)
  })

  it.each<Rule>([
    { host: 'github.io' },
    { host: 'x.github.io' },
    { host: '*.x.github.io' },
    { host: '*.example.com' },
    { host: '*.corp.internal' },
    { host: 'nas.internal', addresses: ['192.168.0.0/24'], ports: [443] },
    { host: 'example.com', ports: [6443] },
    { host: '127.0.0.1', schemes: ['http'], ports: [3000] },
    { host: '[::1]', schemes: ['http'], ports: [3000] },
  ])('%j is not one of them', (rule) => expect(() => compileEgress(policy({ allow: [rule] }))).not.toThrow())

  it('a deny rule may be as broad as it likes, but not unclear', () => {
    const decide = compileEgress(
      policy({ deny: [{ host: '*.com' }, { host: '169.254.169.254' }], allow: [{ host: 'a.com' }] }),
    )
    expect(decide({ tool: TOOL }, 'GET', target('https://a.com/'))).toMatchObject({ code: 'DENIED' })
    expect(refusal(policy({ deny: [{ host: 'A.com' }] }))).toMatch(/global\.deny\.0.*one spelling/)
  })

  it('are named all at once', () => {
    const reason = refusal(
      policy(
        { allow: [{ host: '*.com' }, { host: 'ok.test' }, { host: 'A.test' }] },
        { tools: { [TOOL]: { deny: [{ host: 'x' }] } } },
      ),
    )
    for (const at of ['global.allow.0', 'global.allow.2', `tools.${TOOL}.deny.0`]) expect(reason).toContain(at)
    expect(reason).not.toContain('global.allow.1')
  })
})

function refusal(egress: EgressPolicy): string {
  try {
    compileEgress(egress)
  } catch (error) {
    if (isClonedError(error) && error.code === 'EGRESS_RULES') return String(Object.values(error.params)[0])
    throw error
  }
  throw new Error('it was compiled')
}

describe('for every policy', () => {
  const hosts = ['a.test', 'b.a.test', 'c.b.a.test', '*.a.test', '*.b.a.test']
  const rule = fc.record(
    {
      host: fc.constantFrom(...hosts),
      schemes: fc.constantFrom<('http' | 'https')[]>(['http'], ['https']),
      ports: fc.constantFrom([80], [443], [80, 443]),
      methods: fc.constantFrom(['GET'], ['GET', 'POST']),
    },
    { requiredKeys: ['host'] },
  )
  const lists = fc.record({ deny: fc.array(rule, { maxLength: 2 }), allow: fc.array(rule, { maxLength: 3 }) })
  const asked = fc.record({
    method: fc.constantFrom('GET', 'POST', 'PUT'),
    url: fc
      .tuple(
        fc.constantFrom('http', 'https'),
        fc.constantFrom('a.test', 'b.a.test', 'c.b.a.test', 'x.a.test'),
        fc.constantFrom(80, 443),
      )
      .map(([scheme, host, port]) => `${scheme}://${host}:${port}/`),
  })

  /** The same semantics, written as slowly as they are told. */
  function expected(
    policies: { global: Lists; tool: Lists; connector: Lists },
    method: string,
    { scheme, host, port }: Target,
  ) {
    const names = (rule: Rule) =>
      rule.host.startsWith('*.')
        ? host.text.endsWith(rule.host.slice(1)) && !host.text.slice(0, -rule.host.length + 1).includes('.')
        : rule.host === host.text
    const covers = (rule: Rule, schemes: readonly string[], ports: readonly number[]) =>
      names(rule) && schemes.includes(scheme) && ports.includes(port) && (rule.methods ?? [method]).includes(method)
    const all = [policies.tool, policies.connector, policies.global]
    if (all.some(({ deny = [] }) => deny.some((rule) => covers(rule, rule.schemes ?? [scheme], rule.ports ?? [port]))))
      return false
    return all.some(({ allow = [] }) =>
      allow.some((rule) => {
        const schemes = rule.schemes ?? ['https']
        return covers(rule, schemes, rule.ports ?? schemes.map((each) => (each === 'https' ? 443 : 80)))
      }),
    )
  }

  it('the tables answer what the words say', () => {
    fc.assert(
      fc.property(
        lists,
        lists,
        lists,
        fc.array(asked, { minLength: 1, maxLength: 10 }),
        (global, tool, connector, questions) => {
          const decide = compileEgress(policy(global, { tools: { [TOOL]: tool }, connectors: { c: connector } }))
          for (const { method, url } of questions) {
            const answer = decide({ tool: TOOL, connector: 'c' }, method, target(url))
            expect([method, url, answer.allowed]).toEqual([
              method,
              url,
              expected({ global, tool, connector }, method, target(url)),
            ])
          }
        },
      ),
      { numRuns: 700 },
    )
  })

  it('without rules everything is denied', () => {
    const decide = compileEgress(policy({}))
    fc.assert(
      fc.property(asked, ({ method, url }) => {
        expect(decide({ tool: TOOL }, method, target(url)).allowed).toBe(false)
      }),
    )
  })
})

it('hosts whose hashes in the table are equal are not taken for one another', () => {
  const hashOf = (text: string) => {
    let hash = 0x811c9dc5 | 0
    for (let i = text.length - 1; i >= 0; i--) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
    return hash
  }
  /** Names with equal hashes, `prefix` before them included. */
  const twins = (prefix: string) => {
    const seen = new Map<number, string>()
    const pairs: (readonly [string, string])[] = []
    for (let i = 0; pairs.length < 3 && i < 1_000_000; i++) {
      const name = `n${i.toString(36)}.twin${i % 7}.com`
      const hash = hashOf(prefix + name)
      const other = seen.get(hash)
      if (other === undefined) seen.set(hash, name)
      else pairs.push([other, name])
    }
    return pairs
  }
  const answers = (allow: readonly Rule[], host: string) =>
    compileEgress(policy({ allow: [...allow] }))({ tool: TOOL }, 'GET', target(`https://${host}/`)).allowed
  const [exact, wild] = [twins(''), twins('*')]
  expect([exact.length, wild.length]).toEqual([3, 3])
  for (const [one, other] of exact) {
    expect(answers([{ host: one }], other)).toBe(false)
    expect(answers([{ host: one }, { host: other }], one)).toBe(true)
    expect(answers([{ host: one }, { host: other }], other)).toBe(true)
  }
  for (const [one, other] of wild) {
    expect(answers([{ host: `*.${one}` }], `x.${other}`)).toBe(false)
    expect(answers([{ host: `*.${one}` }, { host: `*.${other}` }], `x.${other}`)).toBe(true)
  }
})
