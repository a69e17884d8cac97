// The rules for requests of plugins themselves: to the origins that were declared, whole and unseen, and nowhere else.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { initWorkspace, open } from 'cloned'
import { isClonedError } from 'cloned/kernel'
import { firewallSlot } from 'cloned/plugins/firewall'
import { type OutboundCaller, type OutboundRequest, outboundSlot } from 'cloned/plugins/outbound'
import { afterEach, describe, expect, it } from 'vitest'
import { fakeDns, httpServer } from './firewall-fixture.js'
import { realOutbound } from './outbound-fixture.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  while (cleanups.length > 0) await cleanups.pop()?.()
})

async function echoing() {
  const server = await httpServer((request, response) => {
    if (request.url === '/away') return void response.writeHead(302, { location: '/elsewhere' }).end()
    if (request.url === '/slow') return void response.write('half')
    if (request.url === '/large') return void response.end('x'.repeat(2_000))
    response.end(`${request.method} ${request.headers['x-token'] ?? ''}`)
  })
  cleanups.push(() => server.close())
  return server
}

async function outboundOver(zone: Parameters<typeof fakeDns>[0] = {}) {
  const dns = await fakeDns(zone)
  const outbound = realOutbound(dns.address)
  cleanups.push(
    () => dns.close(),
    () => outbound.close(),
  )
  const send = async (origins: readonly string[], url: string, more: Partial<OutboundRequest & OutboundCaller> = {}) =>
    outbound.open({ plugin: 'acme.test', origins, ...more }).send({ method: 'GET', url, ...more })
  return { dns, outbound, send }
}

/** What was thrown, as everybody may see it. */
async function failure(work: Promise<unknown>): Promise<string> {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!isClonedError(thrown)) throw new Error(`no error of the table: ${String(thrown)}`)
  return `${thrown.code} ${thrown.message} ${thrown.help} ${thrown.cause ?? ''}`
}

describe('a request of a plugin', () => {
  it.each([
    ['http://example.com/', 'not https'],
    ['http://127.0.0.1.example.com/', 'not https'],
    ['http://localhost/', 'not https'],
    ['ftp://example.com/', 'not https'],
    ['file:///etc/passwd', 'not https'],
    ['https://user:pass@example.com/', 'holds a user'],
    ['https://', 'cannot be read'],
    ['example.com', 'cannot be read'],
    ['https://*.example.com/', 'stands for many'],
    ['https://169.254.169.254/', 'never contacted'],
    ['https://10.0.0.1:6443/', 'controls a private network'],
    ['https://intranet/', 'something else on every machine'],
  ])('is not sent to %s, declared or not', async (url, expected) => {
    const { send, dns } = await outboundOver()
    const text = await failure(send([url], url))
    expect(text).toContain('OUTBOUND_REFUSED')
    expect(text).toContain(expected)
    expect(text).not.toContain('pass@')
    expect(dns.asked).toEqual([])
  })

  it('reaches the origins that were declared, and no other host, port or scheme', async () => {
    const server = await echoing()
    const other = await echoing()
    const { send, dns } = await outboundOver()
    const origin = `http://127.0.0.1:${server.port}`
    expect((await send([origin], `${origin}/a`, { headers: { 'x-token': 't' } })).body.toString()).toBe('GET t')
    for (const url of [
      `http://127.0.0.1:${other.port}/`,
      `http://127.0.0.2:${server.port}/`,
      `https://127.0.0.1:${server.port}/`,
      'https://example.com/',
    ]) {
      expect(await failure(send([origin], url))).toContain('OUTBOUND_REFUSED')
    }
    expect(other.requests).toEqual([])
    expect(dns.asked).toEqual([])
  })

  it('reaches a private address under a name only where its range was declared', async () => {
    const { send } = await outboundOver({ 'bao.test': [['127.0.0.1']] })
    const origin = 'https://bao.test:9'
    expect(await failure(send([origin], origin))).toContain('leads to an address that is not allowed')
    // Nobody listens there: it was dialled.
    expect(await failure(send([origin], origin, { addresses: ['127.0.0.0/8'] }))).toContain('ECONNREFUSED')
    expect(await failure(send([origin], origin, { addresses: ['0.0.0.0/0'] }))).toContain('OUTBOUND_REFUSED')
  })

  it('is not followed to where it is redirected', async () => {
    const server = await echoing()
    const { send } = await outboundOver()
    const origin = `http://127.0.0.1:${server.port}`
    expect((await send([origin], `${origin}/away`)).status).toBe(302)
    expect(server.requests).toEqual(['GET /away'])
  })

  it.each([
    ['larger than was asked for', '/large', { maxBytes: 1_000 }, 'larger than 1000 bytes'],
    ['that does not end in time', '/slow', { timeoutMs: 100 }, 'given up after 100 ms'],
  ])('with an answer %s has none', async (_, path, limits, expected) => {
    const server = await echoing()
    const { send } = await outboundOver()
    const origin = `http://127.0.0.1:${server.port}`
    const text = await failure(send([origin], `${origin}${path}`, limits))
    expect(text).toContain('OUTBOUND_FAILED')
    expect(text).toContain(expected)
  })

  it('never shows more of itself than its host', async () => {
    const { send } = await outboundOver()
    const headers = { authorization: 'S3CRET\r\nx-evil: 1' }
    const origin = 'http://127.0.0.1:9'
    expect(await failure(send([origin], `${origin}/?S3CRET`, { headers }))).not.toContain('S3CRET')
    expect(await failure(send([origin], `${origin}/?S3CRET`, { body: 'S3CRET', method: 'POST' }))).not.toContain(
      'S3CRET',
    )
  })

  it('ends with the firewall', async () => {
    const server = await echoing()
    const { send, outbound } = await outboundOver()
    const origin = `http://127.0.0.1:${server.port}`
    const slow = failure(send([origin], `${origin}/slow`))
    await expect.poll(() => server.requests).toEqual(['GET /slow'])
    await outbound.close()
    expect(await slow).toContain('OUTBOUND_FAILED')
  })
})

it('what a plugin declares is nothing that an agent may reach, and no rule of the policy is needed for it', async () => {
  const root = mkdtempSync(join(tmpdir(), 'cloned-outbound-'))
  cleanups.push(() => rmSync(root, { recursive: true, force: true }))
  initWorkspace(root, { type: 'personal', now: Date.now })
  const server = await echoing()
  const origin = `http://127.0.0.1:${server.port}`
  const kernel = await open({ root, config: { 'cloned.audit': { thread: 'inline' } } })
  cleanups.push(() => kernel.stop())
  const client = kernel.service(outboundSlot).open({ plugin: 'acme.hook', origins: [origin] })
  expect((await client.send({ method: 'POST', url: `${origin}/`, body: 'x' })).status).toBe(200)
  const caller = { tool: 'cloned.internal.http.fetch@v1' }
  expect(kernel.service(firewallSlot).decide(caller, 'GET', origin)).toMatchObject({ allowed: false, code: 'NO_RULE' })
  await kernel.stop()
  expect(await failure(client.send({ method: 'GET', url: `${origin}/` }))).toContain('OUTBOUND_FAILED')
})
