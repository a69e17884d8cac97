// The rules of requests: what leaves, what comes back, and when it ends.
import assert from 'node:assert/strict'
import { type ContractCase, codeOf } from 'cloned/testing'
import { loopbackServer } from './testing-server.js'
import { type Context, context, DENIED, opened, type Served } from './testing-subject.js'

export function requests(rule: Served): readonly ContractCase[] {
  return [
    rule('a request that rules and guards allow is made once, and its response comes whole', async (subject) => {
      const { firewall, server } = await opened(subject)
      const { ctx, asked } = context()
      const headers = { 'X-Test': 'a' }
      const response = await firewall.fetch(ctx, `${server.url}/echo?q=1`, { method: 'POST', headers, body: 'hello' })
      assert.deepEqual([response.status, response.ok, response.redirected], [200, true, false])
      assert.deepEqual(response.json(), {
        path: '/echo?q=1',
        host: `127.0.0.1:${server.port}`,
        test: 'a',
        body: 'hello',
      })
      assert.deepEqual(server.seen, ['POST /echo?q=1'])
      assert.deepEqual(asked, [`POST ${server.url}/echo?q=1`])
    }),
    rule('what a guard denies, or no rule allows, never leaves', async (subject) => {
      const { firewall, server } = subject
      assert.equal(await codeOf(() => firewall.fetch(context().ctx, server.url)), 'EGRESS_DENIED')
      await opened(subject)
      for (const answer of [DENIED, { allowed: undefined, ballot: [] }, undefined]) {
        const ctx = { ...context().ctx, check: () => answer } as unknown as Context
        assert.notEqual(await codeOf(() => firewall.fetch(ctx, server.url)), 'ok')
      }
      const throwing = { ...context().ctx, check: () => Promise.reject(new Error('no answer')) }
      assert.notEqual(await codeOf(() => firewall.fetch(throwing, server.url)), 'ok')
      assert.deepEqual(server.seen, [])
    }),
    rule('every hop of a redirect is asked for, and one to elsewhere is not followed', async (subject) => {
      const { firewall, server } = await opened(subject)
      const other = await loopbackServer()
      try {
        const { ctx, asked } = context()
        const back = await firewall.fetch(ctx, `${server.url}/to?${server.url}/echo`)
        assert.deepEqual([back.status, back.redirected, asked.length], [200, true, 2])
        const away = `${server.url}/to?${other.url}/`
        assert.equal(await codeOf(() => firewall.fetch(context().ctx, away)), 'EGRESS_REDIRECT')
        const manual = await firewall.fetch(context().ctx, away, { redirect: 'manual' })
        assert.equal(manual.status, 302)
        assert.deepEqual(other.seen, [])
      } finally {
        await other.close()
      }
    }),
    rule('a circle of redirects ends', async (subject) => {
      const { firewall, server } = await opened(subject)
      assert.equal(await codeOf(() => firewall.fetch(context().ctx, `${server.url}/circle`)), 'EGRESS_REDIRECT')
      assert.ok(server.seen.length <= 6, `${server.seen.length} requests`)
    }),
    rule('a redirect that says two places leads to none of them', async (subject) => {
      const { firewall, server } = await opened(subject)
      assert.equal(await codeOf(() => firewall.fetch(context().ctx, `${server.url}/both`)), 'EGRESS_REDIRECT')
      assert.deepEqual(server.seen, ['GET /both'])
    }),
    rule('a caller cannot frame, route or relay the message', async (subject) => {
      const { firewall, server } = await opened(subject)
      for (const name of ['Host', 'transfer-encoding', 'Content-Length', 'connection', 'proxy-authorization']) {
        const init = { method: 'POST', body: 'x', headers: { [name]: '1' } }
        assert.equal(await codeOf(() => firewall.fetch(context().ctx, server.url, init)), 'EGRESS_REQUEST', name)
      }
      for (const value of ['a\r\nhost: evil.example', 'a\nb', 'a\0']) {
        const init = { headers: { 'x-test': value } }
        assert.equal(await codeOf(() => firewall.fetch(context().ctx, server.url, init)), 'EGRESS_REQUEST')
      }
      assert.deepEqual(server.seen, [])
    }),
    rule('a response is no larger than was asked for, compressed or not', async (subject) => {
      const { firewall, server } = await opened(subject)
      for (const path of ['/large', '/bomb']) {
        const work = () => firewall.fetch(context().ctx, server.url + path, { maxBytes: 10_000 })
        assert.equal(await codeOf(work), 'EGRESS_RESPONSE', path)
      }
    }),
    rule('a request ends when its action does', async (subject) => {
      const { firewall, server } = await opened(subject)
      const aborted = { ...context().ctx, signal: AbortSignal.abort() }
      assert.equal(await codeOf(() => firewall.fetch(aborted, server.url)), 'EGRESS_CANCELLED')
      assert.deepEqual(server.seen, [])
      const aborter = new AbortController()
      const slow = codeOf(() => firewall.fetch({ ...context().ctx, signal: aborter.signal }, `${server.url}/never`))
      await server.next
      aborter.abort()
      assert.equal(await slow, 'EGRESS_CANCELLED')
    }),
    rule('a request that is under way ends when its rule goes', async (subject) => {
      const { firewall, rules, server } = await opened(subject)
      const slow = codeOf(() => firewall.fetch(context().ctx, `${server.url}/never`))
      await server.next
      await rules({})
      assert.equal(await slow, 'EGRESS_REVOKED')
    }),
    rule('a plugin reaches the hosts of its configuration, and nothing else by them', async (subject) => {
      const { firewall, server } = subject
      const { port, url } = server
      const plugin = firewall.forPlugin({
        plugin: 'acme.x',
        hosts: [{ host: '127.0.0.1', schemes: ['http'], ports: [port] }],
      })
      assert.equal((await plugin(`${url}/echo`)).status, 200)
      const other = await loopbackServer()
      try {
        assert.equal(await codeOf(() => plugin(other.url)), 'EGRESS_DENIED')
        assert.equal(await codeOf(() => firewall.fetch(context().ctx, url)), 'EGRESS_DENIED')
        assert.deepEqual(other.seen, [])
      } finally {
        await other.close()
      }
    }),
  ]
}
