import { createHmac, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { initWorkspace, open } from 'cloned'
import { bearer, type Client, createClient, isPending } from 'cloned/client'
import type { Kernel } from 'cloned/kernel'
import { apiSlot } from 'cloned/plugins/api'
import { vaultSlot } from 'cloned/plugins/vault'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Event, type ReceiverOptions, receiver } from './receiver.js'

const servers: Server[] = []
async function listening(options: ReceiverOptions): Promise<number> {
  const server = receiver(options).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
afterAll(() => servers.forEach((server) => void server.close()))

describe('a receiver of a real workspace', () => {
  let root: string
  let kernel: Kernel
  let client: Client
  const secret = `whsec_${randomBytes(32).toString('base64')}`
  const events: Event[] = []
  const keys: string[] = []

  const approve = async (answer: unknown) => {
    if (!isPending(answer)) throw new Error(`it does not wait: ${JSON.stringify(answer)}`)
    const path = { id: answer.approval_id }
    const { data } = await client.POST('/approvals/{id}/decide', { params: { path }, body: { verdict: 'approve' } })
    expect(data?.outcome?.status).toBe('done')
  }

  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'webhook-receiver-'))
    initWorkspace(root, { type: 'personal', now: Date.now })
    kernel = await open({ root })
    const { address } = await kernel.service(apiSlot).listen()
    const token = readFileSync(join(root, '.cloned/api/token'), 'utf8').trim()
    client = createClient({ url: address, authorize: bearer(token) })
    const port = await listening({ keys, onEvent: (event) => void events.push(event) })
    const tool = 'cloned.webhook.here@v1'
    const where = { hosts: ['127.0.0.1'], ports: [port], schemes: ['http' as const], methods: ['POST'] }
    await approve((await client.POST('/firewall/allowlist', { body: { ...where, tool } })).data)
    const scope = { hosts: [`127.0.0.1:${port}`], tools: [tool], slots: ['header:webhook-signature'] }
    const kept = await kernel.service(vaultSlot).put('hook', Buffer.from(secret), scope)
    if (kept.status === 'pending') await approve({ status: 'pending', approval_id: kept.approval.id })
    const body = { name: 'here', url: `http://127.0.0.1:${port}/`, types: ['tool.outcome'], secret: 'hook' }
    await approve((await client.POST('/webhooks', { body })).data)
  })
  afterAll(async () => {
    await kernel.stop()
    rmSync(root, { recursive: true, force: true })
  })

  it.each(['its public key', 'its secret'])('takes what it verifies with %s', async (which) => {
    const webhooks = (await client.GET('/webhooks')).data?.webhooks ?? []
    keys.splice(0, keys.length, which === 'its secret' ? secret : (webhooks[0]?.public_key ?? ''))
    const { callId } = await kernel.call({ tool: 'cloned.internal.fs.list@v1', input: { path: '.' } })
    await expect.poll(() => events.map(({ subject }) => subject), { timeout: 20_000 }).toContain(callId)
  })
})

describe('a message', () => {
  const key = `whsec_${randomBytes(32).toString('base64')}`
  const now = 1_795_343_400_000
  const event = { type: 'run.done', subject: 'run_1' }

  interface Bent {
    readonly id?: string
    readonly at?: number
    readonly by?: string
    readonly body?: string
    readonly sent?: string
    readonly headers?: Readonly<Record<string, string>>
  }
  async function send(port: number, bent: Bent = {}): Promise<number> {
    const { id = 'msg_1', at = now / 1000, by = key, body = JSON.stringify(event), sent = body } = bent
    const mac = createHmac('sha256', Buffer.from(by.slice(6), 'base64')).update(`${id}.${at}.${body}`)
    const headers = {
      'webhook-id': id,
      'webhook-timestamp': String(at),
      'webhook-signature': `v1,${mac.digest('base64')}`,
      ...bent.headers,
    }
    return (await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers, body: sent })).status
  }

  it.each<readonly [string, number, Bent]>([
    ['as it was signed', 204, {}],
    ['at the edge of the window', 204, { at: now / 1000 - 300 }],
    ['with one other byte', 401, { sent: '{"type":"run.lost","subject":"run_1"}' }],
    ['that somebody recorded', 401, { at: now / 1000 - 301 }],
    ['of the future', 401, { at: now / 1000 + 301 }],
    ['under another id', 401, { headers: { 'webhook-id': 'msg_2' } }],
    ['at another time', 401, { headers: { 'webhook-timestamp': String(now / 1000 - 1) } }],
    ['by another key', 401, { by: `whsec_${randomBytes(32).toString('base64')}` }],
    ['without a signature', 401, { headers: { 'webhook-signature': '' } }],
    ['whose signature is of another version', 401, { headers: { 'webhook-signature': 'v2,AAAA' } }],
    ['whose signature is cut', 401, { headers: { 'webhook-signature': 'v1,AAAA' } }],
    ['whose id has a dot', 401, { id: 'msg.1' }],
    ['that is too long', 413, { body: JSON.stringify({ ...event, data: 'x'.repeat(70_000) }) }],
  ])('%s is answered with %i', async (_, status, bent) => {
    const seen: Event[] = []
    const port = await listening({ keys: [key], now: () => now, onEvent: (one) => void seen.push(one) })
    expect(await send(port, bent)).toBe(status)
    expect(seen).toEqual(status === 204 ? [event] : [])
  })

  it('that comes again is taken for done, also while it is being worked on', async () => {
    let count = 0
    let finish = () => {}
    const working = new Promise<void>((resolve) => {
      finish = resolve
    })
    const port = await listening({
      keys: [key],
      now: () => now,
      onEvent: () => {
        count++
        return working
      },
    })
    const both = [send(port), send(port, { at: now / 1000 + 5 })]
    await expect.poll(() => count).toBe(1)
    finish()
    expect(await Promise.all(both)).toEqual([204, 204])
    expect([await send(port), await send(port, { id: 'msg_2' }), count]).toEqual([204, 204, 2])
  })

  it('that could not be worked on is asked for again', async () => {
    let count = 0
    const onEvent = () => {
      if (++count === 1) throw new Error('the database is away')
    }
    const port = await listening({ keys: [key], now: () => now, onEvent })
    expect([await send(port), await send(port), await send(port), count]).toEqual([500, 204, 204, 2])
  })
})
