import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { approvalsSlot, auditSlot, openDatabase } from 'cloned/kernel'
import { pairingsSlot } from 'cloned/plugins/pairing'
import { calculateJwkThumbprint, decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Scope } from '../../plugins/api/slot.js'
import { comparisonCode } from '../../plugins/pairing/codes.js'
import { toolId } from '../fixtures/runs-tools.js'
import { type ApiWorld, apiWorld, RISKY_PIPELINE } from './api-fixture.js'
import {
  approve,
  ask,
  command,
  connected,
  fetchToken,
  invite,
  newKey,
  paired,
  sendAs,
  tokenOf,
  waiting,
} from './pairing-fixture.js'
import { copyDirectory } from './workspace-copy.js'

let world: ApiWorld
beforeAll(async () => {
  world = await apiWorld()
})
afterAll(() => world.close())

const records = async (type: string, device: string) => {
  const found = []
  for await (const { record } of world.kernel.service(auditSlot).scan())
    if (record['type'] === type && record['device'] === device) found.push(record)
  return found
}

describe('the way in', () => {
  it('goes from an invitation over a person to a token, and every step is in the audit log', async () => {
    const key = newKey()
    const asked = await ask(world, key, await invite(world), { body: { name: 'Phone of Ada' } })
    expect([asked.status, asked.headers.location]).toEqual([201, `/v1/pairings/${asked.body.id}`])
    const device = { id: asked.body.id, key }
    expect((await fetchToken(world, device)).body.code).toBe('PAIRING_PENDING')

    await approve(world, asked.body.code)
    const { status, body, headers } = await fetchToken(world, device)
    expect([status, body.token_type, body.expires_in, body.scope]).toEqual([200, 'DPoP', 600, 'tools:read tools:call'])
    expect(headers['cache-control']).toBe('no-store')
    expect(decodeJwt(body.access_token)).toMatchObject({
      aud: (await world.get('/v1/workspace')).body.id,
      sub: `device:${device.id}`,
      cnf: { jkt: await calculateJwkThumbprint(key.jwk) },
    })

    const called = await sendAs(world, key, ['POST', `/v1/tools/${toolId('echo')}/call`], body.access_token, {
      body: { input: { said: 'hello' } },
    })
    expect(called.body).toMatchObject({ status: 'done', output: { said: 'hello' } })
    for (const type of ['pairing.requested', 'pairing.paired', 'pairing.token'])
      expect([type, (await records(type, device.id)).length]).toEqual([type, 1])
  })

  it('what a device does is recorded under its name', async () => {
    const { id, as } = await connected(world)
    const { body } = await as('POST', `/v1/tools/${toolId('echo')}/call`, { body: { input: {} } })
    const [{ record } = { record: {} }] = await world.kernel.service(auditSlot).find(body.call_id)
    expect(record).toMatchObject({ actor: { id: `device:${id}`, claimed: false } })
  })

  it('the code on both screens is computed from the key of the device', async () => {
    const { id, key, code } = await waiting(world)
    expect(code).toBe(comparisonCode(await calculateJwkThumbprint(key.jwk), id))
    const { pairings } = (await world.get('/v1/pairings?state=pending')).body
    expect(pairings.find((one: { id: string }) => one.id === id).code).toBe(code)
    expect(comparisonCode(await calculateJwkThumbprint(newKey().jwk), id)).not.toBe(code)
  })

  it('a device asks for no more than its invitation is for, and may ask for less', async () => {
    const code = await invite(world, 'tools:read,tools:call')
    const more = await ask(world, newKey(), code, { body: { name: 'x', scopes: ['approvals:decide'] } })
    expect([more.status, more.body.code]).toEqual([403, 'PAIRING_REFUSED'])
    const less = await ask(world, newKey(), code, { body: { name: 'x', scopes: ['tools:read'] } })
    expect(less.body.scopes).toEqual(['tools:read'])
  })

  it('a person is asked, whoever asks for the approval, and nothing is in before', async () => {
    const device = await waiting(world)
    const outcome = await command(world, 'pairings approve', { args: { code: device.code } })
    expect(outcome['status']).toBe('pending')
    const { id } = outcome['approval'] as { id: string }
    const request = await world.kernel.service(approvalsSlot).get(id)
    expect(request?.asks.find(({ plugin }) => plugin === 'cloned.pairing')?.reason).toContain(device.code)
    expect((await fetchToken(world, device)).body.code).toBe('PAIRING_PENDING')
  })

  it.each(['lower case', 'without hyphens', 'letters for digits'])('a code may be typed %s', async (how) => {
    const code = await invite(world)
    const typed =
      how === 'lower case'
        ? code.toLowerCase()
        : how === 'without hyphens'
          ? code.replaceAll('-', '')
          : code.replaceAll('0', 'O').replaceAll('1', 'l')
    expect((await ask(world, newKey(), typed)).status).toBe(201)
  })

  it('a device that is paired already lets in another one, with no more than it may do itself', async () => {
    const first = await connected(world, ['pairings:read', 'pairings:write', 'approvals:decide', 'tools:read'])
    const fits = await waiting(world, 'tools:read')
    const asked = await first.as('POST', `/v1/pairings/${fits.id}/approve`, { body: { code: fits.code } })
    expect([asked.status, asked.headers.location]).toEqual([202, `/v1/approvals/${asked.body.approval_id}`])
    const path = `/v1/approvals/${asked.body.approval_id}/decide`
    // Else it could make itself the second device that approves what the first one asks for.
    const alone = await first.as('POST', path, { body: { verdict: 'approve' } })
    expect([alone.status, alone.body.code]).toEqual([403, 'APPROVER_REFUSED'])
    expect((await world.post(path, { verdict: 'approve' })).body.outcome?.status).toBe('done')
    expect((await fetchToken(world, fits)).status).toBe(200)

    const more = await waiting(world, 'tools:read,vault:read')
    const refused = await first.as('POST', `/v1/pairings/${more.id}/approve`, { body: { code: more.code } })
    expect([refused.status, refused.body.code]).toEqual([403, 'API_SCOPE'])
  })

  it('a device decides approvals only with that scope', async () => {
    const risky = await world.post(`/v1/tools/${toolId('risky')}/call`, { input: { n: Math.random() } })
    const path = `/v1/approvals/${risky.body.approval_id}/decide`
    const without = await connected(world, ['approvals:read'])
    expect((await without.as('POST', path, { body: { verdict: 'approve' } })).body.code).toBe('API_SCOPE')
    const with_ = await connected(world, ['approvals:decide'])
    const decided = await with_.as('POST', path, { body: { verdict: 'approve' } })
    expect([decided.status, decided.body.approval?.state]).toEqual([200, 'approved'])
    expect(decided.body.approval.decided_by.id).toBe(`device:${with_.id}`)
  })

  it.each([
    ['other arguments', { edit: { n: -1 } }],
    ['a standing grant', { grant: { same: [], count: 10_000 } }],
  ])('a device approves %s only with the scope approvals:grant', async (_, more) => {
    const risky = await world.post(`/v1/tools/${toolId('risky')}/call`, { input: { n: Math.random() } })
    const path = `/v1/approvals/${risky.body.approval_id}/decide`
    const body = { verdict: 'approve', ...more }
    const plain = await connected(world, ['approvals:decide'])
    const refused = await plain.as('POST', path, { body })
    expect([refused.status, refused.body.code]).toEqual([403, 'API_SCOPE'])
    expect(refused.body.detail).toContain('approvals:grant')
    expect((await world.get(`/v1/approvals/${risky.body.approval_id}`)).body.state).toBe('pending')
    expect((await world.get('/v1/approvals/grants')).body.grants).toEqual([])
    const trusted = await connected(world, ['approvals:decide', 'approvals:grant'])
    const decided = await trusted.as('POST', path, { body })
    expect([decided.status, decided.body.approval?.state]).toEqual([200, 'approved'])
    if (decided.body.grant) await world.post(`/v1/approvals/grants/${decided.body.grant}/revoke`)
  })
})

describe('in a workspace where its owner decides what they asked for', () => {
  const yes = { body: { verdict: 'approve' } }
  const decide = (id: string) => ['POST', `/v1/approvals/${id}/decide`] as const
  type Connected = Awaited<ReturnType<typeof connected>>

  it.each([
    [
      'a call',
      async ({ as }: Connected) => {
        const { body } = await as('POST', `/v1/tools/${toolId('risky')}/call`, {
          body: { input: { n: Math.random() } },
        })
        return body.approval_id
      },
    ],
    [
      'a call in the name of the owner',
      async ({ as }: Connected) => {
        const body = { input: { n: Math.random() }, actor: `user:${userInfo().username}` }
        return (await as('POST', `/v1/tools/${toolId('risky')}/call`, { body })).body.approval_id
      },
    ],
    [
      'a step of a run that it started',
      async ({ as }: Connected) => {
        const { body } = await as('POST', '/v1/runs', { body: { pipeline: RISKY_PIPELINE, inputs: {} } })
        await vi.waitFor(async () => {
          expect((await world.get(`/v1/runs/${body.id}`)).body.state).toBe('waiting')
        })
        const { approvals } = (await world.get('/v1/approvals?state=pending')).body
        return approvals.find(({ requester }: { requester: { id: string } }) => requester.id === `run:${body.id}`).id
      },
    ],
    [
      'an edge of the policy',
      async ({ as }: Connected) => {
        const body = { hosts: [`h${Date.now()}.example.com`] }
        return (await as('POST', '/v1/firewall/allowlist', { body })).body.approval_id
      },
    ],
  ])('a device does not decide %s; the owner does, and so does another device', async (_, request) => {
    const scopes: Scope[] = ['tools:call', 'runs:write', 'runs:read', 'firewall:propose', 'approvals:decide']
    const device = await connected(world, scopes)
    const other = await connected(world, ['approvals:decide'])
    const first = await request(device)
    const alone = await device.as(...decide(first), yes)
    expect([alone.status, alone.body.code]).toEqual([403, 'APPROVER_REFUSED'])
    expect((await world.get(`/v1/approvals/${first}`)).body.state).toBe('pending')
    expect((await other.as(...decide(first), yes)).status).toBe(200)
    expect((await world.post(decide(await request(device))[1], { verdict: 'deny' })).status).toBe(200)
  })
})

describe('in a workspace where nobody decides what they asked for', () => {
  let shared: ApiWorld
  beforeAll(async () => {
    shared = await apiWorld({ type: 'shared' })
  })
  afterAll(() => shared.close())
  const risky = (post: ApiWorld['post']) => post(`/v1/tools/${toolId('risky')}/call`, { input: { n: Math.random() } })
  const decide = (id: string) => ['POST', `/v1/approvals/${id}/decide`] as const
  const yes = { body: { verdict: 'approve' } }

  it('the owner lets no device in alone', async () => {
    const { id, code } = await waiting(shared)
    const { approval_id } = (await shared.post(`/v1/pairings/${id}/approve`, { code })).body
    const alone = await shared.ask(...decide(approval_id), yes)
    expect([alone.status, alone.body.code]).toEqual([403, 'APPROVER_REFUSED'])
  })

  it('a device decides what the owner asked for, and the owner what a device asked for, and neither its own', async () => {
    const device = await connected(shared, ['tools:call', 'approvals:decide'])
    const owners = (await risky(shared.post)).body.approval_id
    expect((await shared.ask(...decide(owners), yes)).body.code).toBe('APPROVER_REFUSED')
    expect((await device.as(...decide(owners), yes)).body.approval?.state).toBe('approved')
    const devices = (await risky((path, body = {}) => device.as('POST', path, { body }))).body.approval_id
    expect((await device.as(...decide(devices), yes)).body.code).toBe('APPROVER_REFUSED')
    expect((await shared.ask(...decide(devices), yes)).body.approval?.state).toBe('approved')
  })
})

describe('an access token', () => {
  it('lasts ten minutes and is renewed by the key of the device', async () => {
    const fresh = await apiWorld()
    const { id, key, token, as } = await connected(fresh)
    fresh.now += 599_000
    expect((await as('GET', '/v1/tools')).status).toBe(200)
    fresh.now += 1_000
    expect((await as('GET', '/v1/tools')).status).toBe(401)
    const renewed = await tokenOf(fresh, { id, key })
    expect(renewed).not.toBe(token)
    expect((await sendAs(fresh, key, ['GET', '/v1/tools'], renewed)).status).toBe(200)
    await fresh.close()
  })

  it('outlives the process that made it', async () => {
    const device = await connected(world)
    const other = await apiWorld({ root: world.root })
    expect((await sendAs(other, device.key, ['GET', '/v1/tools'], device.token)).status).toBe(200)
    await other.close()
  })
})

describe('revoking', () => {
  it('counts at once in every process, for the token in use and for new ones', async () => {
    const other = await apiWorld({ root: world.root })
    const device = await connected(world)
    const there = () => sendAs(other, device.key, ['GET', '/v1/tools'], device.token)
    expect((await there()).status).toBe(200)
    expect(await command(world, 'pairings revoke', { args: { device: device.id } })).toMatchObject({ status: 'done' })
    expect((await there()).status).toBe(401)
    expect((await device.as('GET', '/v1/tools')).status).toBe(401)
    expect((await fetchToken(other, device)).status).toBe(401)
    await other.close()
  })

  it('refuses a device that waits, and an approval that was asked for before it does nothing', async () => {
    const device = await waiting(world)
    const asked = await world.post(`/v1/pairings/${device.id}/approve`, { code: device.code })
    expect((await world.post(`/v1/pairings/${device.id}/revoke`)).body.status).toBe('done')
    const decided = await world.post(`/v1/approvals/${asked.body.approval_id}/decide`, { verdict: 'approve' })
    expect(decided.body.outcome.status).toBe('denied')
    expect((await fetchToken(world, device)).status).toBe(401)
  })

  it('outlives a store that is put back: no device is let in, to read either, until the revocation is made again', async () => {
    const first = await apiWorld()
    const root = realpathSync(mkdtempSync(join(tmpdir(), 'cloned-pairing-')))
    const device = await connected(first, ['tools:read'])
    const other = await connected(first, ['tools:read'])
    const revoked = await paired(first)
    await command(first, 'pairings revoke', { args: { device: revoked.id } })
    const files = () => readdirSync(join(first.root, '.cloned')).filter((name) => name.startsWith('state.db'))
    await first.kernel.stop()
    copyDirectory(first.root, root)
    const held = files().map((name) => [name, readFileSync(join(first.root, '.cloned', name))] as const)
    const second = await apiWorld({ root })
    const in2 = (who: typeof device) => sendAs(second, who.key, ['GET', '/v1/tools'], who.token)
    expect((await in2(device)).status).toBe(200)
    await command(second, 'pairings revoke', { args: { device: device.id } })
    expect([(await in2(device)).status, (await in2(other)).status]).toEqual([401, 200])
    await second.kernel.stop()
    for (const name of readdirSync(join(root, '.cloned')).filter((name) => name.startsWith('state.db')))
      rmSync(join(root, '.cloned', name))
    for (const [name, bytes] of held) writeFileSync(join(root, '.cloned', name), bytes, { mode: 0o600 })

    const third = await apiWorld({ root })
    const in3 = (who: typeof device) => sendAs(third, who.key, ['GET', '/v1/tools'], who.token)
    expect([(await in3(device)).status, (await in3(other)).status]).toEqual([401, 401])
    expect((await fetchToken(third, device)).status).not.toBe(200)
    expect(third.logged.join()).toContain('no device is let in')
    expect(await command(third, 'pairings revoke', { args: { device: device.id } })).toMatchObject({ status: 'done' })
    expect([(await in3(device)).status, (await in3(other)).status]).toEqual([401, 200])
    await third.kernel.stop()
    rmSync(root, { recursive: true, force: true })
    rmSync(first.root, { recursive: true, force: true })
  })

  it('is for good: the key never comes back', async () => {
    const { id, key } = await paired(world)
    await command(world, 'pairings revoke', { args: { device: id } })
    const again = await ask(world, key, await invite(world))
    expect([again.status, again.body.code]).toEqual([403, 'PAIRING_REFUSED'])
  })
})

describe('what is written in the store is not believed', () => {
  const change = (sql: string, ...args: string[]) => {
    const db = openDatabase(`${world.root}/.cloned/state.db`)
    db.prepare(sql).run(...args)
    db.close()
  }
  const device = () => connected(world, ['tools:read'])

  it.each([
    ['more scopes', `set scopes = '["tools:read","vault:read"]'`],
    ['another name', `set name = 'Phone of the boss'`],
    ['no seal', 'set seal = null'],
    ['a seal of nobody', `set seal = '0123456789abcdef:' || substr(seal, 18)`],
    ['a later beginning', 'set paired_at = paired_at + 1'],
  ])('%s: the device is not let in any more', async (_, set) => {
    const { id, as } = await device()
    expect((await as('GET', '/v1/tools')).status).toBe(200)
    change(`update pairing_devices ${set} where id = ?`, id)
    expect((await as('GET', '/v1/tools')).status).toBe(401)
  })

  it('a device that was not approved but called paired is not let in', async () => {
    const waits = await waiting(world)
    change("update pairing_devices set state = 'paired', paired_at = 1, seal = 'x' where id = ?", waits.id)
    expect((await fetchToken(world, waits)).status).not.toBe(200)
  })

  it('the seal of one device does not fit another', async () => {
    const [one, two] = [await device(), await device()]
    change(
      'update pairing_devices set seal = (select seal from pairing_devices where id = ?) where id = ?',
      one.id,
      two.id,
    )
    expect((await two.as('GET', '/v1/tools')).status).toBe(401)
  })

  it('no code of an invitation is in it', async () => {
    const code = await invite(world)
    const db = openDatabase(`${world.root}/.cloned/state.db`)
    const rows = JSON.stringify(db.prepare('select * from pairing_invitations').all())
    db.close()
    expect(rows).not.toContain(code.slice(5, 9))
    expect(rows).not.toContain(code.slice(10))
  })
})

describe('the service', () => {
  it('lists devices newest first and finds one', async () => {
    const { id } = await paired(world)
    const pairings = world.kernel.service(pairingsSlot)
    const all = await pairings.list()
    expect(all.map(({ createdAt }) => createdAt)).toEqual(
      [...all.map(({ createdAt }) => createdAt)].sort((a, b) => b - a),
    )
    expect((await pairings.get(id))?.state).toBe('paired')
    expect(await pairings.get('dev_none')).toBeUndefined()
  })

  it('a device that nobody approved within a day is gone', async () => {
    const fresh = await apiWorld()
    const device = await waiting(fresh)
    fresh.now += 24 * 3_600_000
    expect((await fetchToken(fresh, device)).status).toBe(401)
    expect((await fresh.get('/v1/pairings')).body.pairings).toEqual([])
    await expect(command(fresh, 'pairings approve', { args: { code: device.code } })).rejects.toThrow('no device')
    await fresh.close()
  })
})
