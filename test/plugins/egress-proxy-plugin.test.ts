// The egress proxy in the default distribution: by the policy in force, recorded in the real audit log, revoked by a write.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { approvalsSlot, auditSlot, createKernel, type Kernel, policyWrite } from 'cloned/kernel'
import { egressProxySlot } from 'cloned/plugins/egress-proxy'
import { policySlot } from 'cloned/plugins/policy'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { defaultDistribution, initWorkspace } from '../../plugins/default.js'
import { askTunnel, type Certificate, certificate, getThrough, tlsServer, tlsThrough } from './egress-proxy-fixture.js'
import type { LoopbackServer } from './firewall-fixture.js'

let cert: Certificate
let server: LoopbackServer
beforeAll(async () => {
  cert = certificate('127.0.0.1')
  server = await tlsServer(cert, (request, response) => {
    if (request.url === '/slow') response.write('half')
    else response.end('hello')
  })
})
afterAll(() => server.close())

let root = ''
const opened: Kernel[] = []
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cloned-proxy-'))
  initWorkspace(root, { type: 'personal', now: Date.now })
})
afterEach(async () => {
  for (const kernel of opened.splice(0)) await kernel.stop()
  rmSync(root, { recursive: true, force: true })
})

async function kernel(): Promise<Kernel> {
  const made = createKernel(defaultDistribution(), {
    config: { 'cloned.workspace': { root }, 'cloned.audit': { thread: 'inline' } },
    osUser: 'ann',
  })
  await made.start()
  opened.push(made)
  return made
}

/** Writes the overlay through the gate, approved. */
async function write(made: Kernel, ...lines: string[]): Promise<void> {
  const content = ['version: 1', 'pack: personal', ...lines].join('\n')
  const ask = () => {
    const previous = made.service(policySlot).snapshot().overlay
    const input = { pack: 'personal', content, previous }
    return made.act(policyWrite, { target: 'personal', input, actor: 'agent:tester' })
  }
  let outcome = await ask()
  // What another process wrote a moment ago has yet to arrive here.
  for (let i = 0; i < 50 && outcome.status === 'denied' && outcome.code === 'POLICY_STALE'; i++) outcome = await ask()
  if (outcome.status !== 'pending') throw new Error(JSON.stringify(outcome))
  const by = made.actor('user:ann')
  await made.service(approvalsSlot).decide(outcome.approval.id, { verdict: 'approve', by })
}

const rule = () => [
  'egress:',
  '  connectors:',
  '    mail:',
  '      allow:',
  `        - { host: 127.0.0.1, ports: [${server.port}] }`,
]
const authority = () => `127.0.0.1:${server.port}`

describe('a connector', () => {
  it('reaches what the rules of the policy allow it, and nothing else', async () => {
    const made = await kernel()
    const open = (connector: string) => made.service(egressProxySlot).open({ connector, port: true })
    const [mail, other] = [await open('mail'), await open('other')]
    expect((await askTunnel(mail, authority())).status).toBe(403)
    await write(made, ...rule())
    expect((await askTunnel(other, authority())).status).toBe(403)
    const { status, socket } = await askTunnel(mail, authority())
    expect(status).toBe(200)
    expect(await getThrough(await tlsThrough(socket, { ca: cert.cert }), authority())).toContain('hello')
  })

  it('loses a live tunnel when its rule goes, also by a write in another process', async () => {
    const [one, two] = [await kernel(), await kernel()]
    await write(one, ...rule())
    for (const writer of [one, two]) {
      const door = await one.service(egressProxySlot).open({ connector: 'mail', port: true })
      const stands = async () => {
        const { status, socket } = await askTunnel(door, authority())
        socket.destroy()
        return status
      }
      await expect.poll(stands, { timeout: 5_000 }).toBe(200)
      const { socket } = await askTunnel(door, authority())
      const tls = await tlsThrough(socket, { ca: cert.cert })
      tls.on('error', () => undefined)
      tls.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n')
      await new Promise((resolve) => tls.once('data', resolve))
      await write(writer)
      await new Promise((resolve) => (socket.closed ? resolve(undefined) : socket.once('close', resolve)))
      await door.close()
      const last = await one.service(auditSlot).latest('egress.ended')
      expect(last?.record).toMatchObject({ connector: 'mail', code: 'EGRESS_REVOKED' })
      if (writer === one) await write(one, ...rule())
    }
  })

  it('reaches nothing when the policy denies it to every connector', async () => {
    const made = await kernel()
    await write(made, ...rule(), 'actions:', '  egress.connect: deny')
    const door = await made.service(egressProxySlot).open({ connector: 'mail', port: true })
    const { status, text } = await askTunnel(door, authority())
    expect(status).toBe(403)
    expect(text).toContain('the policy does not allow it')
  })

  it('that the policy asks about waits for a person once, not once for each try', async () => {
    const made = await kernel()
    await write(made, ...rule(), 'actions:', '  egress.connect: ask')
    const door = await made.service(egressProxySlot).open({ connector: 'mail', port: true })
    const tries = [await askTunnel(door, authority()), await askTunnel(door, authority())]
    for (const { status, text } of tries) {
      expect(status).toBe(403)
      expect(text).toContain('cloned approvals')
    }
    const approvals = made.service(approvalsSlot)
    const pending = await approvals.list({ state: 'pending' })
    expect(pending).toMatchObject([{ action: { kind: 'egress.connect', target: `https://${authority()}` } }])
    await approvals.decide(pending[0]?.id ?? '', { verdict: 'approve', by: made.actor('user:ann') })
    expect((await askTunnel(door, authority())).status).toBe(200)
    expect((await askTunnel(door, authority())).status, 'an approval is used once').toBe(403)
  })

  it('is recorded in a log that verifies, durable before the tunnel stands', async () => {
    const made = await kernel()
    await write(made, ...rule())
    const door = await made.service(egressProxySlot).open({ connector: 'mail', port: true })
    const { socket } = await askTunnel(door, authority())
    const intent = await made.service(auditSlot).latest('egress.intent')
    const records = await made.service(auditSlot).find(String(intent?.record['call_id']))
    expect(records.map(({ record }) => record['type'])).toEqual([
      'egress.intent',
      'check.before_egress',
      'egress.outcome',
    ])
    socket.destroy()
  })
})
