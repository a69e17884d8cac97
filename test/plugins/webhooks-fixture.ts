// A receiver of webhooks on the loopback, written against the Standard Webhooks text alone, and ways to set one up.
import { createHmac, createPublicKey, timingSafeEqual, verify } from 'node:crypto'
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { approvalsSlot, gateSlot, type Json, type Kernel } from 'cloned/kernel'
import { expect } from 'vitest'
import type { ApiWorld } from './api-fixture.js'
import { httpServer } from './firewall-fixture.js'

export interface Received {
  readonly id: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events of every shape
  readonly event: any
}

export interface Receiver {
  readonly port: number
  readonly url: string
  readonly received: Received[]
  close(): Promise<void>
}

/** Takes everything, unless `answer` says how else. */
export async function receiver(
  answer: (response: ServerResponse, received: Received, count: number) => void = (response) => response.end(),
): Promise<Receiver> {
  const received: Received[] = []
  const server = await httpServer((request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => {
      const body = Buffer.concat(pieces).toString()
      const one = { id: String(request.headers['webhook-id']), headers: request.headers, body, event: JSON.parse(body) }
      received.push(one)
      answer(response, one, received.length)
    })
  })
  return { port: server.port, url: `http://127.0.0.1:${server.port}/hook`, received, close: server.close }
}

/** Whether one signature of the message holds, by the rules of standardwebhooks.com; `key` is `whsec_…` or `whpk_…`. */
export function verifies({ headers, body }: Pick<Received, 'headers' | 'body'>, key: string, now: number): boolean {
  const [id, timestamp, signatures] = ['id', 'timestamp', 'signature'].map((name) => String(headers[`webhook-${name}`]))
  if (Math.abs(now / 1000 - Number(timestamp)) > 300) return false
  const content = `${id}.${timestamp}.${body}`
  const bytes = Buffer.from(key.slice(key.indexOf('_') + 1), 'base64')
  return (signatures ?? '').split(' ').some((signature) => {
    const [version, text = ''] = signature.split(',')
    const given = Buffer.from(text, 'base64')
    if (version === 'v1' && key.startsWith('whsec_')) {
      const expected = createHmac('sha256', bytes).update(content).digest()
      return given.length === expected.length && timingSafeEqual(given, expected)
    }
    if (version !== 'v1a' || !key.startsWith('whpk_')) return false
    const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), bytes])
    return verify(null, Buffer.from(content), createPublicKey({ key: spki, format: 'der', type: 'spki' }), given)
  })
}

export async function approve(kernel: Kernel, id: string): Promise<void> {
  const by = kernel.service(gateSlot).actor()
  const { outcome } = await kernel.service(approvalsSlot).decide(id, { verdict: 'approve', by })
  expect(outcome).toMatchObject({ status: 'done' })
}

/** An egress rule for one webhook, approved. */
export async function allowTarget(world: ApiWorld, name: string, port: number): Promise<void> {
  const { body } = await world.post('/v1/firewall/allowlist', {
    ...{ hosts: ['127.0.0.1'], ports: [port], schemes: ['http'], methods: ['POST'] },
    tool: `cloned.webhook.${name}@v1`,
  })
  await approve(world.kernel, body.approval_id)
}

/** A webhook that is set up as a person would do it: the rule, the webhook, both approved. Answers its public key. */
export async function addWebhook(
  world: ApiWorld,
  name: string,
  { url, port }: Pick<Receiver, 'url' | 'port'>,
  more: Readonly<Record<string, Json>> = {},
): Promise<string> {
  await allowTarget(world, name, port)
  const { status, body, text } = await world.post('/v1/webhooks', { name, url, ...more })
  expect(status, text).toBe(202)
  await approve(world.kernel, body.approval_id)
  const { webhooks } = (await world.get('/v1/webhooks')).body
  return webhooks.find((one: { name: string }) => one.name === name).public_key
}
