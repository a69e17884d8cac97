// The rules of secrets in requests: bound last, into one place, for one origin.
import assert from 'node:assert/strict'
import { type ContractCase, codeOf } from 'cloned/testing'
import { loopbackServer } from './testing-server.js'
import { context, loopback, opened, type Served } from './testing-subject.js'

export function secrets(rule: Served): readonly ContractCase[] {
  const header = { secret: 'token', in: 'header', name: 'x-test' } as const
  return [
    rule('a secret is bound last, into its place, and shown to no guard', async (subject) => {
      const { firewall, server } = await opened(subject)
      const { ctx, asked } = context()
      const order: string[] = []
      const bind = (slot: { readonly secret: string }, request: { readonly url: string }) => {
        order.push(`${slot.secret} after ${asked.length} to ${request.url}`)
        return 's3cret value'
      }
      const response = await firewall.fetch(ctx, `${server.url}/echo`, { secrets: [header], bind })
      assert.deepEqual((response.json() as { test: string }).test, 's3cret value')
      const query = { secret: 'token', in: 'query', name: 'k' } as const
      const second = await firewall.fetch(ctx, `${server.url}/echo`, { secrets: [query], bind })
      assert.deepEqual((second.json() as { path: string }).path, '/echo?k=s3cret%20value')
      assert.deepEqual(order, [`token after 1 to ${server.url}/echo`, `token after 2 to ${server.url}/echo`])
      assert.ok(!JSON.stringify([asked, second.url]).includes('s3cret'), second.url)
    }),
    rule('a secret that cannot be bound keeps the request back', async (subject) => {
      const { firewall, server } = await opened(subject)
      const failing = {
        secrets: [header],
        bind: () => {
          throw Object.assign(new Error('no'), { code: 'SECRET_UNBOUND' })
        },
      }
      assert.equal(await codeOf(() => firewall.fetch(context().ctx, server.url, failing)), 'SECRET_UNBOUND')
      for (const value of ['a\r\nhost: evil.example', 7, undefined]) {
        const init = { secrets: [header], bind: () => value as string }
        assert.equal(await codeOf(() => firewall.fetch(context().ctx, server.url, init)), 'EGRESS_REQUEST')
      }
      assert.notEqual(await codeOf(() => firewall.fetch(context().ctx, server.url, { secrets: [header] })), 'ok')
      assert.deepEqual(server.seen, [])
    }),
    rule('a secret never goes to another origin', async (subject) => {
      const { firewall, server, rules } = subject
      const other = await loopbackServer()
      try {
        await rules({ global: { allow: [server, other].map(({ port }) => loopback(port)) } })
        const init = { secrets: [header], bind: () => 's3cret value' }
        const work = () => firewall.fetch(context().ctx, `${server.url}/to?${other.url}/echo`, init)
        assert.equal(await codeOf(work), 'EGRESS_REDIRECT')
        assert.deepEqual(other.seen, [])
      } finally {
        await other.close()
      }
    }),
  ]
}
