// The rules of what a firewall answers by the policy alone; nothing is sent.
import assert from 'node:assert/strict'
import { type ContractCase, codeOf } from 'cloned/testing'
import type { Firewall } from './slot.js'
import { CALLER, context, type Rule, TOOL } from './testing-subject.js'

export function decisions(rule: Rule): readonly ContractCase[] {
  return [
    rule('a URL has one reading, however it is spelt', async ({ firewall }) => {
      const spellings = {
        'HTTPS://EXAMPLE.com:443/x': 'https://example.com:443',
        'https://example.com': 'https://example.com:443',
        'https://bücher.example/a?b': 'https://xn--bcher-kva.example:443',
        'http://127.0.0.1/': 'http://127.0.0.1:80',
        'http://[::ffff:127.0.0.1]:8080/': 'http://127.0.0.1:8080',
      }
      for (const [url, origin] of Object.entries(spellings)) {
        const read = firewall.read(url)
        assert.equal('origin' in read && read.origin, origin, url)
      }
    }),
    rule('a URL that others might read another way is refused, and never allowed by a rule', async (subject) => {
      const { firewall, rules } = subject
      await rules({
        global: { allow: [{ host: '*.example.com' }, { host: '127.0.0.1', schemes: ['http'], ports: [80] }] },
      })
      for (const url of UNCLEAR) {
        assert.equal('allowed' in firewall.read(url), true, url)
        assert.equal(firewall.decide(CALLER, 'GET', url).allowed, false, url)
        assert.equal(await codeOf(() => firewall.fetch(context().ctx, url)), 'EGRESS_DENIED', url)
      }
    }),
    rule('without a rule nothing is allowed, and the explanation says what to type', async ({ firewall }) => {
      const { decision, host, next, propose } = firewall.explain(CALLER, 'GET', 'https://api.example.com/secret-path')
      assert.equal(!decision.allowed && decision.code, 'NO_RULE')
      assert.equal(host, 'api.example.com')
      assert.ok(next.includes('api.example.com') && !next.includes('secret-path'), next)
      assert.ok(propose === undefined || !JSON.stringify(propose).includes('secret-path'))
    }),
    rule('a rule allows what it says and no more', async ({ firewall, rules }) => {
      await rules({ global: { allow: [{ host: '*.example.com' }, { host: 'get.test.example', methods: ['GET'] }] } })
      const answers = {
        'GET https://a.example.com/x': 'allowed',
        'GET https://example.com/': 'NO_RULE',
        'GET https://b.a.example.com/': 'NO_RULE',
        'GET https://a.example.com.evil.example/': 'NO_RULE',
        'GET http://a.example.com/': 'SCHEME',
        'GET https://a.example.com:8443/': 'PORT',
        'GET https://get.test.example/': 'allowed',
        'POST https://get.test.example/': 'METHOD',
        'TRACE https://a.example.com/': 'METHOD',
      }
      for (const [request, expected] of Object.entries(answers)) {
        const [method = '', url = ''] = request.split(' ')
        const decision = firewall.decide(CALLER, method, url)
        assert.equal(decision.allowed ? 'allowed' : decision.code, expected, request)
      }
    }),
    rule('a deny rule wins over every allow rule, wherever each of them stands', async ({ firewall, rules }) => {
      await rules({
        global: { allow: [{ host: 'a.example.com' }, { host: 'b.example.com' }], deny: [{ host: 'c.example.com' }] },
        tools: { [TOOL]: { allow: [{ host: 'c.example.com' }], deny: [{ host: 'a.example.com' }] } },
        connectors: { 'acme.x': { deny: [{ host: 'b.example.com' }] } },
      })
      const code = (caller: Parameters<Firewall['decide']>[0], host: string) => {
        const decision = firewall.decide(caller, 'GET', `https://${host}/`)
        return decision.allowed ? 'allowed' : decision.code
      }
      assert.equal(code(CALLER, 'a.example.com'), 'DENIED')
      assert.equal(code({ tool: 'other.tool@v1' }, 'a.example.com'), 'allowed')
      assert.equal(code(CALLER, 'b.example.com'), 'allowed')
      assert.equal(code({ ...CALLER, connector: 'acme.x' }, 'b.example.com'), 'DENIED')
      assert.equal(code(CALLER, 'c.example.com'), 'DENIED')
    }),
    rule('no rule opens the address that tells a machine its own credentials', async ({ firewall, rules }) => {
      const metadata = { host: '169.254.169.254', schemes: ['http'], ports: [80] }
      await codeOf(() => rules({ global: { allow: [metadata] } }))
      assert.notEqual(await codeOf(() => firewall.fetch(context().ctx, 'http://169.254.169.254/latest')), 'ok')
    }),
    rule('rules of one tool or connector are of nobody else', async ({ firewall, rules }) => {
      await rules({
        tools: { [TOOL]: { allow: [{ host: 'a.example.com' }] } },
        connectors: { 'acme.x': { allow: [{ host: 'b.example.com' }] } },
      })
      const allowed = (caller: Parameters<Firewall['decide']>[0], host: string) =>
        firewall.decide(caller, 'GET', `https://${host}/`).allowed
      assert.deepEqual(
        [
          allowed(CALLER, 'a.example.com'),
          allowed({ tool: 'test.tool@v2' }, 'a.example.com'),
          allowed({ ...CALLER, connector: 'acme.x' }, 'b.example.com'),
          allowed({ ...CALLER, connector: 'acme.xy' }, 'b.example.com'),
          allowed(CALLER, 'b.example.com'),
        ],
        [true, false, true, false, false],
      )
    }),
  ]
}

const UNCLEAR = [
  'https://user@a.example.com/',
  'https://a.example.com\\@evil.example/',
  'https://a.example.com /',
  'https://a.example.com:0/',
  'https://a..example.com/',
  'https://%61.example.com/',
  'http://127.1/',
  'http://0x7f000001/',
  'http://2130706433/',
  'http://017700000001/',
  'http://localhost/',
  'ftp://a.example.com/',
  'file:///etc/passwd',
  '//a.example.com/',
  '',
]
