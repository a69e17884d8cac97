import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { initWorkspace } from 'cloned'
import { digest, rawPublicKey } from 'cloned/kernel'
import type { Principal } from 'cloned/plugins/api'
import { afterEach, describe, expect, it } from 'vitest'
import { signDecision } from '../../plugins/approvals/signed.js'
import { toolId } from '../fixtures/runs-tools.js'
import { type ApiWorld, apiWorld, send, type WorldOptions } from './api-fixture.js'
import { distributionWith, runIn } from './cli-fixture.js'

const RISKY = `/v1/tools/${toolId('risky')}/call`
const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

async function opened(options: WorldOptions = {}): Promise<ApiWorld> {
  const world = await apiWorld(options)
  undo.push(() => world.close())
  return world
}

async function asked({ post }: Pick<ApiWorld, 'post'>, input: object): Promise<string> {
  const { status, body } = await post(RISKY, { input: { ...input } })
  expect(status).toBe(202)
  return body.approval_id
}

/** Asks as somebody whom a host has signed in. */
async function as({ api }: ApiWorld, id: string, osUser = ''): Promise<Pick<ApiWorld, 'get' | 'post'>> {
  const principal: Principal = { actor: { id, claimed: false, osUser }, scopes: new Set(['*']), via: 'host' }
  const server: Server = createServer((request, response) => void api.handle(request, response, principal))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  undo.push(() => server.close())
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    get: (path, ask) => send(address, 'GET', path, ask),
    post: (path, body = {}, ask) => send(address, 'POST', path, { body, ...ask }),
  }
}

describe('a decision over the API', () => {
  it('approves other arguments: the old request is closed, the new one runs once with them', async () => {
    const { post, get, kernel } = await opened()
    const id = await asked({ post }, { path: '/etc' })
    const { status, body } = await post(`/v1/approvals/${id}/decide`, { verdict: 'approve', edit: { path: '/tmp' } })
    expect([status, body.approval.state, body.approval.input]).toEqual([200, 'approved', { path: '/tmp' }])
    expect((await get(`/v1/approvals/${id}`)).body).toMatchObject({ state: 'edited', replaced_by: body.approval.id })
    expect((await post(RISKY, { input: {}, approval: body.approval.id })).body.output).toEqual({ path: '/tmp' })
    expect((await kernel.resume(body.approval.id)).status).not.toBe('done')
  })

  it('gives a standing grant: the same values are not asked about again, others are', async () => {
    const { post, get, effects } = await opened()
    const id = await asked({ post }, { path: 'a', n: 1 })
    const grant = { same: ['path'], count: 1 }
    const { body } = await post(`/v1/approvals/${id}/decide`, { verdict: 'approve', grant })
    expect((await get('/v1/approvals/grants')).body.grants).toMatchObject([{ id: body.grant, count: 1, used: 0 }])
    expect((await post(RISKY, { input: { path: 'b' } })).status).toBe(202)
    expect((await post(RISKY, { input: { path: 'a', n: 2 } })).status).toBe(200)
    expect((await post(RISKY, { input: { path: 'a', n: 3 } })).status).toBe(202)
    expect(effects).toEqual(['risky'])
  })

  it.each([
    ['neither arguments nor a schema', { verdict: 'approve', grant: {} }, 400],
    ['both', { verdict: 'approve', grant: { same: [], schema: {} } }, 400],
    ['an argument that is not there', { verdict: 'approve', grant: { same: ['nothing'] } }, 400],
    ['an end that is no time', { verdict: 'approve', grant: { same: [], until: 'soon' } }, 400],
    ['an end in the past', { verdict: 'approve', grant: { same: [], until: '2020-01-01T00:00:00Z' } }, 403],
    ['an edit beside a denial', { verdict: 'deny', edit: {} }, 400],
    ['a reason beside a signature', { verdict: 'approve', reason: 'x', signed: 'a.b.c' }, 400],
    ['a signature that is none', { verdict: 'approve', signed: 'a.b.c' }, 403],
    ['a name of somebody else', { verdict: 'approve', by: { id: 'user:boss' } }, 400],
  ])('with %s decides nothing', async (_, decision, status) => {
    const { post, get } = await opened()
    const id = await asked({ post }, { path: 'a' })
    expect((await post(`/v1/approvals/${id}/decide`, decision)).status).toBe(status)
    expect((await get(`/v1/approvals/${id}`)).body.state).toBe('pending')
  })
})

describe('who decides where nobody may approve what they asked for', () => {
  const decide = async (who: Pick<ApiWorld, 'post'>, id: string) => {
    const { status, body } = await who.post(`/v1/approvals/${id}/decide`, { verdict: 'approve' })
    return status === 200 ? body.approval.decided_by.id : body.code
  }

  it('the token is the user of the server, and so is whoever it claims to be', async () => {
    const { post } = await opened({ type: 'shared' })
    const { body } = await post(RISKY, { input: {}, actor: 'agent:other' })
    expect(await decide({ post }, body.approval_id)).toBe('APPROVER_REFUSED')
  })

  it('somebody whom a host has signed in is another person than the user of the server, both ways', async () => {
    const world = await opened({ type: 'shared' })
    const bob = await as(world, 'user:bob')
    expect(await decide(bob, await asked(world, { n: 1 }))).toBe('user:bob')
    expect(await decide(world, await asked(bob, { n: 2 }))).toMatch(/^user:/)
  })

  it.each([
    ['under their own name', {}],
    ['in the name of an agent', { actor: 'agent:other' }],
    ['in the name of somebody else', { actor: 'user:eve' }],
  ])('and cannot approve what they asked for %s', async (_, more) => {
    const world = await opened({ type: 'shared' })
    const bob = await as(world, 'user:bob')
    const { body } = await bob.post(RISKY, { input: {}, ...more })
    expect(await decide(bob, body.approval_id)).toBe('APPROVER_REFUSED')
    expect(await decide(await as(world, 'user:eve'), body.approval_id)).toBe('user:eve')
  })

  it('the operating-system user that a host has proven is who they are, under whatever id', async () => {
    const world = await opened({ type: 'shared' })
    const first = await as(world, 'user:bob', 'bob')
    const second = await as(world, 'user:bobby', 'bob')
    expect(await decide(second, await asked(first, {}))).toBe('APPROVER_REFUSED')
  })

  it('the record names who was proven', async () => {
    const world = await opened({ type: 'shared' })
    const bob = await as(world, 'user:bob')
    await decide(bob, await asked(world, {}))
    const { records } = (await world.get('/v1/audit?limit=5')).body
    const decided = records.find(({ record }: { record: { type: string } }) => record.type === 'approval.decided')
    expect(decided.record.by).toMatchObject({ id: 'user:bob', claimed: false, os_user: 'user:bob' })
  })

  it('an approver key counts, whoever brings what it signed', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    const root = realpathSync(mkdtempSync(join(tmpdir(), 'cloned-signed-')))
    undo.push(() => rmSync(root, { recursive: true, force: true }))
    initWorkspace(root, { type: 'shared', now: Date.now })
    const key = rawPublicKey(publicKey).toString('base64url')
    const overlay = { version: 1, pack: 'shared', approvals: { approvers: [{ id: 'user:cid', key }] } }
    mkdirSync(join(root, '.cloned/policy'), { recursive: true })
    writeFileSync(join(root, '.cloned/policy/shared.yaml'), JSON.stringify(overlay))
    const { out } = await runIn(distributionWith(), root, ['--workspace', root, 'policy', 'adopt', '--json'])
    expect(JSON.parse(out)).toMatchObject({ status: 'pending' })
    const world = await opened({ root })
    const admin = await as(world, 'user:admin')
    const [adoption] = (await world.get('/v1/approvals?state=pending')).body.approvals
    expect(await decide(admin, adoption.id)).toBe('user:admin')

    const id = await asked(world, { path: 'a' })
    const pending = (await world.get(`/v1/approvals/${id}`)).body
    const signed = signDecision(
      {
        approval: id,
        digest: pending.digest,
        verdict: 'approve',
        edited: digest({ path: 'b' }),
        decided_at: new Date(world.now).toISOString(),
      },
      privateKey,
    )
    expect(await decide(world, id)).toBe('APPROVER_REFUSED')
    const other = { verdict: 'approve', signed, edit: { path: 'c' } }
    expect((await world.post(`/v1/approvals/${id}/decide`, other)).status).toBe(403)
    const { body } = await world.post(`/v1/approvals/${id}/decide`, { ...other, edit: { path: 'b' } })
    expect(body.approval).toMatchObject({ state: 'approved', input: { path: 'b' }, decided_by: { id: 'user:cid' } })
  })
})
