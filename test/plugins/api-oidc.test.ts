import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import type { Json, JsonObject } from 'cloned/kernel'
import { oidcPlugin } from 'cloned/plugins/api'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { toolId } from '../fixtures/runs-tools.js'
import { type ApiWorld, apiWorld, send } from './api-fixture.js'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ed = generateKeyPairSync('ed25519')
const other = generateKeyPairSync('ed25519')
const jwk = (key: KeyObject, more: JsonObject) => ({ ...key.export({ format: 'jwk' }), ...more }) as JsonObject
const encoded = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url')

const ACME: JsonObject = {
  issuer: 'https://login.acme.example',
  audience: 'cloned',
  jwks: { keys: [jwk(ed.publicKey, { kid: 'ed' }), jwk(rsa.publicKey, { kid: 'rsa', alg: 'RS256', use: 'sig' })] },
  rules: [
    { scopes: ['tools:read'] },
    { claim: ['groups'], is: 'ops', scopes: ['tools:call'] },
    { claim: ['realm_access', 'roles'], is: 'reader', scopes: ['runs:read'] },
    { claim: ['level'], is: 'owner', scopes: ['*'] },
  ],
}
const BETA: JsonObject = {
  issuer: 'https://login.beta.example',
  audience: 'cloned',
  jwks: { keys: [jwk(other.publicKey, { kid: 'ed' })] },
  actor: ['email'],
  rules: [{ claim: ['groups'], is: 'ops', scopes: ['tools:read'] }],
}
const GAMMA: JsonObject = {
  issuer: 'https://login.gamma.example',
  audience: 'cloned',
  jwks: { keys: [jwk(other.publicKey, { kid: 'ed' })] },
  rules: [{ claim: ['email'], is: 'boss@gamma.example', scopes: ['*'] }],
}

const DELTA: JsonObject = { ...GAMMA, issuer: 'https://login.delta.example', rules: [{ scopes: ['*'] }] }

let world: ApiWorld
beforeAll(async () => {
  world = await apiWorld({
    plugins: [oidcPlugin('acme.sso'), oidcPlugin('beta.sso'), oidcPlugin('gamma.sso'), oidcPlugin('delta.sso')],
    config: { 'acme.sso': ACME, 'beta.sso': BETA, 'gamma.sso': GAMMA, 'delta.sso': DELTA },
  })
})
afterAll(() => world.close())

function token(change: JsonObject = {}, head: JsonObject = {}, key = ed.privateKey): string {
  const seconds = Math.floor(world.now / 1000)
  const claims = { iss: 'https://login.acme.example', aud: 'cloned', sub: 'ada', iat: seconds, exp: seconds + 300 }
  const text = `${encoded({ alg: 'EdDSA', kid: 'ed', typ: 'JWT', ...head })}.${encoded({ ...claims, ...change })}`
  const hash = key.asymmetricKeyType === 'rsa' ? 'sha256' : null
  return `${text}.${sign(hash, Buffer.from(text), key).toString('base64url')}`
}
const get = (path: string, with_: string) => send(world.address, 'GET', path, { token: with_ })
const call = (with_: string) =>
  send(world.address, 'POST', `/v1/tools/${toolId('echo')}/call`, { token: with_, body: { input: {} } })

describe('whom an identity provider has signed in', () => {
  it.each([
    ['everybody', {}, ['tools:read']],
    ['a member of a group', { groups: ['dev', 'ops'] }, ['tools:read', 'tools:call']],
    ['somebody whose claim is a text', { groups: 'ops' }, ['tools:read', 'tools:call']],
    ['somebody by a claim within a claim', { realm_access: { roles: ['reader'] } }, ['tools:read', 'runs:read']],
    ['an owner', { level: 'owner' }, ['tools:read', 'tools:call', 'runs:read', 'vault:read']],
    ['somebody in a group of a longer name', { groups: ['ops-2'] }, ['tools:read']],
    ['somebody whose claim is on the prototype', { groups: { ops: true } }, ['tools:read']],
  ])('%s may do what the rules give', async (_, claims, scopes) => {
    const mine = token(claims as JsonObject)
    expect((await get('/v1/tools', mine)).status).toBe(200)
    expect([scopes, (await call(mine)).status]).toEqual([scopes, scopes.includes('tools:call') ? 200 : 403])
    expect([scopes, (await get('/v1/runs', mine)).status]).toEqual([scopes, scopes.includes('runs:read') ? 200 : 403])
    expect([scopes, (await get('/v1/vault/status', mine)).status]).toEqual([
      scopes,
      scopes.includes('vault:read') ? 200 : 403,
    ])
  })

  it('acts under the name that the issuer gives, as no user of this machine', async () => {
    let actor: Json = null
    world.effect = (_, input, ctx) => {
      actor = { ...ctx.actor }
      return input
    }
    expect((await call(token({ groups: ['ops'] }))).status).toBe(200)
    expect(actor).toEqual({ id: 'user:ada@acme.sso', claimed: false, osUser: 'user:ada@acme.sso' })
  })

  it('of two issuers that use one name is two, and decides what the other asked for', async () => {
    const claims = { groups: ['ops'], level: 'owner', sub: 'ada' }
    const delta = { ...claims, iss: 'https://login.delta.example' }
    const risky = (with_: string) =>
      send(world.address, 'POST', `/v1/tools/${toolId('risky')}/call`, { token: with_, body: { input: {} } })
    const { body } = await risky(token(claims))
    const shown = await get(`/v1/approvals/${body.approval_id}`, token(claims))
    expect(shown.body.requester.id).toBe('user:ada@acme.sso')
    const decided = await send(world.address, 'POST', `/v1/approvals/${body.approval_id}/decide`, {
      token: token(delta, {}, other.privateKey),
      body: { verdict: 'deny' },
    })
    expect(decided.body.approval.decided_by).toMatchObject({ id: 'user:ada@delta.sso', os_user: 'user:ada@delta.sso' })
  })

  it('has no name that would make too long an id', async () => {
    expect((await get('/v1/tools', token({ sub: 'a'.repeat(119) }))).status).toBe(200)
    expect((await get('/v1/tools', token({ sub: 'a'.repeat(120) }))).status).toBe(401)
  })

  it('is known by RSA and by Ed25519 keys, and among several audiences', async () => {
    expect((await get('/v1/tools', token({}, { alg: 'RS256', kid: 'rsa' }, rsa.privateKey))).status).toBe(200)
    expect((await get('/v1/tools', token({ aud: ['other', 'cloned'] }))).status).toBe(200)
  })

  it('of two issuers each is asked, and each answers for its own keys alone', async () => {
    const beta = { iss: 'https://login.beta.example', groups: ['ops'], email: 'bo@beta.example', email_verified: true }
    expect((await get('/v1/tools', token(beta, {}, other.privateKey))).status).toBe(200)
    expect((await get('/v1/tools', token(beta, {}, ed.privateKey))).status).toBe(401)
    expect((await get('/v1/tools', token({}, {}, other.privateKey))).status).toBe(401)
    world.now += 61_000
    for (const wrong of [{ email_verified: false }, { email_verified: 'true' }, { groups: [] }, { email: 'a b' }])
      expect((await get('/v1/tools', token({ ...beta, ...wrong }, {}, other.privateKey))).status).toBe(401)
  })

  it('an address that nobody has verified gives no scope', async () => {
    const gamma = { iss: 'https://login.gamma.example', email: 'boss@gamma.example' }
    const said = (claims: JsonObject) => get('/v1/tools', token({ ...gamma, ...claims }, {}, other.privateKey))
    expect((await said({ email_verified: true })).status).toBe(200)
    for (const wrong of [{}, { email_verified: false }, { email_verified: 'true' }])
      expect((await said(wrong)).status).toBe(401)
  })

  const text = (head: JsonObject) => `${encoded(head)}.${token().split('.')[1]}`
  const WRONG: Readonly<Record<string, () => string>> = {
    'the algorithm none': () => `${text({ alg: 'none', kid: 'ed' })}.`,
    'a public key as a secret': () => {
      const signed = text({ alg: 'HS256', kid: 'rsa' })
      const secret = rsa.publicKey.export({ format: 'pem', type: 'spki' })
      return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
    },
    'the key of another issuer': () => token({}, {}, other.privateKey),
    'a key that it brings': () => token({}, { kid: 'x', jwk: jwk(other.publicKey, {}) }, other.privateKey),
    'a key of another kind under the name': () => token({}, { kid: 'rsa' }),
    'a kid of nobody': () => token({}, { kid: 'x' }),
    'another issuer': () => token({ iss: 'https://login.acme.example/' }),
    'another audience': () => token({ aud: 'another' }),
    'no audience': () => token({ aud: null }),
    'an end 30 s ago': () => token({ exp: Math.floor(world.now / 1000) - 30 }),
    'no end': () => token({ exp: null }),
    'a beginning to come': () => token({ nbf: Math.floor(world.now / 1000) + 40 }),
    'no subject': () => token({ sub: null }),
    'a subject that is no name': () => token({ sub: 'a b\n' }),
    'the name of another kind of actor': () => token({ sub: 'x:device' }),
    'an extension that must be understood': () => token({}, { crit: ['x'], x: 1 }),
    'a signature that is cut': () => token().slice(0, -2),
  }
  it.each(Object.keys(WRONG))('%s: nothing', async (name) => {
    world.now += 61_000
    const answer = await get('/v1/tools', WRONG[name]?.() ?? '')
    expect([answer.status, answer.body.code]).toEqual([401, 'API_UNAUTHENTICATED'])
  })

  it('the local token is still the owner’s', async () => {
    expect((await world.get('/v1/vault/status')).status).toBe(200)
  })
})

describe('a configuration that would let in the wrong ones', () => {
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const keys = (...given: Json[]) => ({ jwks: { keys: given } })
  it.each([
    ['no issuer', { issuer: '' }],
    ['no keys', keys()],
    ['a shared secret', keys({ kty: 'oct', k: 'c2VjcmV0' })],
    ['a private key', keys(jwk(ed.privateKey, {}))],
    ['a short key', keys(jwk(small.publicKey, {}))],
    ['a key that is none', keys({ kty: 'OKP', crv: 'Ed25519', x: 'AA' })],
    ['no rules', { rules: [] }],
    ['a rule with half a condition', { rules: [{ claim: ['groups'], scopes: ['tools:read'] }] }],
    ['a scope that is none', { rules: [{ scopes: ['tools'] }] }],
  ])('%s keeps the kernel from starting', async (_, wrong) => {
    const config = { 'acme.sso': { ...ACME, ...wrong } as JsonObject }
    const opened = apiWorld({ plugins: [oidcPlugin('acme.sso')], config, root: world.root })
    await expect(opened).rejects.toThrow('configuration of "acme.sso" is not valid')
  })
})
