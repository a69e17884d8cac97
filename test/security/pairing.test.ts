// Attacks on paired devices: every row is a request that must get nothing, beside one that differs in that alone and gets it.
import { createHmac, generateKeyPairSync } from 'node:crypto'
import { auditSlot } from 'cloned/kernel'
import { keysSlot } from 'cloned/plugins/keys'
import { storeSlot } from 'cloned/plugins/store'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isCode, newInvitationCode, readInvitationCode, sameText } from '../../plugins/pairing/codes.js'
import { createInvitations } from '../../plugins/pairing/invitations.js'
import { verifyProof } from '../../plugins/pairing/proof.js'
import { createTokens } from '../../plugins/pairing/tokens.js'
import { type Answer, type ApiWorld, apiWorld, send } from '../plugins/api-fixture.js'
import {
  ask,
  command,
  connected,
  encoded,
  fetchToken,
  hashed,
  invite,
  newKey,
  paired,
  proofOf,
  type Sent,
  sendAs,
  signed,
  type TestKey,
  tokenOf,
  type Wrongs,
  waiting,
} from '../plugins/pairing-fixture.js'

type Connected = Awaited<ReturnType<typeof connected>>

let world: ApiWorld
let device: Connected
beforeAll(async () => {
  world = await apiWorld()
  device = await connected(world, ['tools:read'])
})
afterAll(() => world.close())

const GET = ['GET', '/v1/tools'] as const
const seconds = () => Math.floor(world.now / 1000)
const coded = ({ status, body }: Answer) => [status, body.code]
const DENIED = [401, 'API_UNAUTHENTICATED']

/** Makes up for the lockout, which is tested by itself, and shows that the device itself is well. */
async function well(): Promise<void> {
  world.now += 61_000
  device = { ...device, token: await tokenOf(world, device) }
  expect((await sendAs(world, device.key, GET, device.token)).status).toBe(200)
}

async function nothing(answer: Answer): Promise<void> {
  expect(coded(answer)).toEqual(DENIED)
  await well()
}

// Under this key, the neutral point, R = neutral and S = 0 verify for every text in a lax verifier.
const neutral = { kty: 'OKP', crv: 'Ed25519', x: Buffer.from([1, ...new Array(31).fill(0)]).toString('base64url') }

describe('a proof that is not of this request', () => {
  const other = newKey()
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })

  const WRONG: Readonly<Record<string, () => Wrongs>> = {
    'another method': () => ({ claims: { htm: 'POST' } }),
    'the method in lower case': () => ({ claims: { htm: 'get' } }),
    'no method': () => ({ claims: { htm: undefined } }),
    'another path': () => ({ claims: { htu: `${world.address}/v1/runs` } }),
    'a path with a slash at its end': () => ({ claims: { htu: `${world.address}/v1/tools/` } }),
    'a path in capitals': () => ({ claims: { htu: `${world.address}/V1/tools` } }),
    'another host': () => ({ claims: { htu: 'http://evil.example/v1/tools' } }),
    'another port': () => ({ claims: { htu: 'http://127.0.0.1:1/v1/tools' } }),
    'another scheme': () => ({ claims: { htu: `${world.address.replace('http:', 'https:')}/v1/tools` } }),
    'a user in the URL': () => ({ claims: { htu: `${world.address.replace('//', '//x@')}/v1/tools` } }),
    'a query': () => ({ claims: { htu: `${world.address}/v1/tools?limit=1` } }),
    'a fragment': () => ({ claims: { htu: `${world.address}/v1/tools#x` } }),
    'a path alone': () => ({ claims: { htu: '/v1/tools' } }),
    'no URL': () => ({ claims: { htu: undefined } }),
    'a URL that is a list': () => ({ claims: { htu: [`${world.address}/v1/tools`] } }),
    'the hash of another token': () => ({ claims: { ath: hashed('another') } }),
    'no hash of the token': () => ({ claims: { ath: undefined } }),
    'a time 61 s ago': () => ({ claims: { iat: seconds() - 61 } }),
    'a time in 62 s': () => ({ claims: { iat: seconds() + 62 } }),
    'no time': () => ({ claims: { iat: undefined } }),
    'a time that is a text': () => ({ claims: { iat: String(seconds()) } }),
    'a time that is no number': () => ({ claims: { iat: null } }),
    'an end that has passed': () => ({ claims: { exp: seconds() - 1 } }),
    'a beginning to come': () => ({ claims: { nbf: seconds() + 30 } }),
    'no id': () => ({ claims: { jti: undefined } }),
    'an id of no length': () => ({ claims: { jti: '' } }),
    'an id of 257 characters': () => ({ claims: { jti: 'x'.repeat(257) } }),
    'an id that is a number': () => ({ claims: { jti: 12_345_678 } }),
    'another type': () => ({ head: { typ: 'JWT' } }),
    'no type': () => ({ head: { typ: undefined } }),
    'the algorithm none': () => ({ head: { alg: 'none' } }),
    'another algorithm': () => ({ head: { alg: 'ES256' } }),
    'an extension that must be understood': () => ({ head: { crit: ['b64'], b64: false } }),
    'the key of somebody else': () => ({ head: { jwk: other.jwk }, signer: other.privateKey }),
    'the right key in it and the signature of another': () => ({ signer: other.privateKey }),
    'no key': () => ({ head: { jwk: undefined } }),
    'no key but a name': () => ({ head: { jwk: undefined, kid: device.id } }),
    'a key to be fetched': () => ({ head: { jwk: undefined, jku: 'https://evil.example/jwks' } }),
    'a private key': () => ({ head: { jwk: { ...device.key.jwk, d: device.key.jwk.x } } }),
    'a key of small order': () => ({ head: { jwk: neutral } }),
    'a shared secret': () => ({ head: { jwk: { kty: 'oct', k: 'c2VjcmV0' } } }),
    'a key of another kind': () => ({ head: { jwk: pair.publicKey.export({ format: 'jwk' }) } }),
    'a second spelling of the key': () => ({ head: { jwk: { ...device.key.jwk, x: `${device.key.jwk.x}=` } } }),
    'a key that is a text': () => ({ head: { jwk: device.key.jwk.x } }),
  }

  it.each(Object.keys(WRONG))('%s gets nothing', async (name) => {
    await nothing(await sendAs(world, device.key, GET, device.token, { wrongs: WRONG[name]?.() ?? {} }))
  })

  it.each([
    ['none', () => undefined],
    ['an empty one', () => ''],
    ['two at once', (proof: string, second: string) => `${proof}, ${second}`],
    ['one without its signature', (proof: string) => proof.replace(/[^.]+$/, '')],
    ['one whose signature is cut', (proof: string) => proof.slice(0, -2)],
    ['one whose claims were changed', (proof: string) => proof.replace(/\.(.)/, (_, c) => `.${c === 'e' ? 'f' : 'e'}`)],
    ['one of 5,000 characters', (proof: string) => proof.padEnd(5000, 'A')],
    ['one signed with the public key as a secret', (proof: string) => hmac(proof, device.key)],
    ['words', () => 'no proof at all'],
  ])('%s gets nothing', async (_, change) => {
    const make = () => proofOf(world, device.key, { method: 'GET', path: '/v1/tools', credentials: device.token })
    const proof = change(make(), make())
    const headers = { authorization: `DPoP ${device.token}`, ...(proof === undefined ? {} : { dpop: proof }) }
    await nothing(await send(world.address, 'GET', '/v1/tools', { headers }))
  })

  it.each([-60, -59, 0, 59, 60])('a clock that is %i s off is no attack', async (off) => {
    const answer = await sendAs(world, device.key, GET, device.token, { wrongs: { claims: { iat: seconds() + off } } })
    expect(answer.status).toBe(200)
    world.now += 61_000
  })

  it('a query of the request is not part of what is proven', async () => {
    await well()
    expect((await sendAs(world, device.key, ['GET', '/v1/tools?limit=1'], device.token)).status).toBe(200)
  })
})

function hmac(proof: string, { jwk }: TestKey): string {
  const text = `${encoded({ typ: 'dpop+jwt', alg: 'HS256', jwk })}.${proof.split('.')[1]}`
  return `${text}.${createHmac('sha256', Buffer.from(jwk.x, 'base64url')).update(text).digest('base64url')}`
}

describe('a proof that was seen', () => {
  const seen = () => proofOf(world, device.key, { method: 'GET', path: '/v1/tools', credentials: device.token })

  it('counts once', async () => {
    await well()
    const proof = seen()
    expect((await sendAs(world, device.key, GET, device.token, { proof })).status).toBe(200)
    await nothing(await sendAs(world, device.key, GET, device.token, { proof }))
  })

  it('counts once for all processes of the workspace, and for those that start later', async () => {
    const before = await apiWorld({ root: world.root })
    before.now = world.now
    const mine = () => proofOf(before, device.key, { method: 'GET', path: '/v1/tools', credentials: device.token })
    const proof = mine()
    expect((await sendAs(before, device.key, GET, device.token, { proof })).status).toBe(200)
    await before.close()
    const later = await apiWorld({ root: world.root, listen: { port: Number(new URL(before.address).port) } })
    later.now = world.now
    expect((await sendAs(later, device.key, GET, device.token, { proof })).status).toBe(401)
    expect((await sendAs(later, device.key, GET, device.token, { proof: mine() })).status).toBe(200)
    await later.close()
  })

  it('counts once among many at one moment', async () => {
    const proof = seen()
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => sendAs(world, device.key, GET, device.token, { proof })),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    await well()
  })

  it('of one device keeps no other from an id of the same name', async () => {
    const second = await connected(world, ['tools:read'])
    const wrongs = { claims: { jti: 'the-same-id' } }
    expect((await sendAs(world, device.key, GET, device.token, { wrongs })).status).toBe(200)
    expect((await second.as('GET', '/v1/tools', { wrongs })).status).toBe(200)
  })
})

describe('a token that is not the device’s, not of now or not of here', () => {
  const claims = () => ({
    iss: 'cloned',
    aud: '',
    sub: `device:${device.id}`,
    scope: 'tools:read vault:read',
    cnf: { jkt: 'x' },
    iat: seconds(),
    exp: seconds() + 600,
  })
  const mine = () => JSON.parse(Buffer.from(device.token.split('.')[1] ?? '', 'base64url').toString())
  const kid = () => JSON.parse(Buffer.from(device.token.split('.')[0] ?? '', 'base64url').toString()).kid
  /** A token by the key of the workspace itself: only what it says is wrong. */
  const minted = async (purpose: string, change: object, head: object = {}) => {
    const signer = await world.kernel.service(keysSlot).signer(purpose)
    const text = [
      { alg: 'EdDSA', typ: 'at+jwt', kid: signer.kid, ...head },
      { ...mine(), ...change },
    ]
      .map(encoded)
      .join('.')
    return `${text}.${signer.sign(Buffer.from(text)).toString('base64url')}`
  }
  const own = (head: object) =>
    signed({ alg: 'EdDSA', typ: 'at+jwt', ...head }, { ...claims(), ...mine() }, device.key.privateKey)

  it('a token that the workspace signs so is taken: the rows below are refused for what they say', async () => {
    await well()
    expect((await sendAs(world, device.key, GET, await minted('pairing', {}))).status).toBe(200)
  })

  const WRONG: Readonly<Record<string, () => string | Promise<string>>> = {
    'the algorithm none': () => `${encoded({ alg: 'none', typ: 'at+jwt', kid: kid() })}.${encoded(mine())}.`,
    'a public key as a secret': async () => {
      const { publicKey } = await world.kernel.service(keysSlot).signer('pairing')
      const text = `${encoded({ alg: 'HS256', typ: 'at+jwt', kid: kid() })}.${encoded(mine())}`
      const secret = publicKey.export({ format: 'der', type: 'spki' })
      return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
    },
    'the signature of the device': () => own({ kid: kid() }),
    'a key that it brings': () => own({ jwk: device.key.jwk }),
    'a key to be fetched': () => own({ kid: kid(), jku: 'https://evil.example/jwks', x5u: 'https://evil.example/x' }),
    'a kid that is a path': () => own({ kid: '../../../../tmp/key' }),
    'a kid of nobody': () => own({ kid: '0123456789abcdef' }),
    'a kid that is a list': () => own({ kid: [kid()] }),
    'no kid': () => own({}),
    'the key of another purpose': () => minted('audit', {}),
    'the type of a proof': () => minted('pairing', {}, { typ: 'dpop+jwt' }),
    'no type': () => minted('pairing', {}, { typ: undefined }),
    'an extension that must be understood': () => minted('pairing', {}, { crit: ['x'], x: true }),
    'another workspace': () => minted('pairing', { aud: 'another' }),
    'another issuer': () => minted('pairing', { iss: 'https://evil.example' }),
    'no end': () => minted('pairing', { exp: undefined }),
    'an end that has passed': () => minted('pairing', { exp: seconds() }),
    'a beginning to come': () => minted('pairing', { nbf: seconds() + 10 }),
    'the key of another device': () => minted('pairing', { cnf: { jkt: hashed('another') } }),
    'no key': () => minted('pairing', { cnf: undefined }),
    'a key that is null': () => minted('pairing', { cnf: null }),
    'a device that is not there': () => minted('pairing', { sub: 'device:dev_000000000000' }),
    'a person': () => minted('pairing', { sub: 'user:ada' }),
    'a signature that is cut': () => device.token.slice(0, -2),
    'claims that were changed': () => {
      const [head, , tail] = device.token.split('.')
      return `${head}.${encoded({ ...mine(), scope: '*' })}.${tail}`
    },
    'its own text twice': () => `${device.token}.${device.token}`,
  }

  it.each(Object.keys(WRONG))('%s: nothing', async (name) => {
    const token = (await WRONG[name]?.()) ?? ''
    await nothing(await sendAs(world, device.key, GET, token))
  })

  it('a scope that the device was not given is no scope, whatever the token says', async () => {
    const token = await minted('pairing', { scope: 'tools:read vault:read *' })
    expect((await sendAs(world, device.key, GET, token)).status).toBe(200)
    expect(coded(await sendAs(world, device.key, ['GET', '/v1/vault/status'], token))).toEqual([403, 'API_SCOPE'])
  })

  it.each(['Bearer', 'Device', 'Pairing', 'Basic'])('as %s it is nothing', async (scheme) => {
    await nothing(await sendAs(world, device.key, GET, device.token, { scheme }))
  })

  it('a token of a device is nothing in the hands of another device', async () => {
    const second = await connected(world, ['tools:read'])
    await nothing(await sendAs(world, second.key, GET, device.token))
  })

  it('with a wrong scope it says which one is missing', async () => {
    expect(coded(await sendAs(world, device.key, ['GET', '/v1/vault/status'], device.token))).toEqual([
      403,
      'API_SCOPE',
    ])
  })
})

describe('a device that has not come in yet', () => {
  it('an invitation is good for one request to be paired and for nothing else', async () => {
    const key = newKey()
    const code = await invite(world)
    const tried = await sendAs(world, key, GET, code, { scheme: 'Pairing' })
    expect(coded(tried)).toEqual([403, 'API_SCOPE'])
    expect((await ask(world, key, code)).status).toBe(201)
    expect(coded(await ask(world, newKey(), code))).toEqual(DENIED)
    await well()
  })

  it('the key of a device is good for a token and for nothing else', async () => {
    const tried = await sendAs(world, device.key, GET, device.id, { scheme: 'Device' })
    expect(coded(tried)).toEqual([403, 'API_SCOPE'])
  })

  it('of many devices with one code exactly one is taken in', async () => {
    const code = await invite(world)
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask(world, newKey(), code)))
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
    await well()
  })

  it('an invitation that has expired is none', async () => {
    const code = await invite(world, 'tools:read', '1')
    world.now += 60_000
    await nothing(await ask(world, newKey(), code))
  })

  it('the id of a device without its key gets no token', async () => {
    const { id } = await paired(world)
    await nothing(await fetchToken(world, { id, key: newKey() }))
  })

  const WRONG: Readonly<Record<string, Sent>> = {
    'a proof of another route': { wrongs: { claims: { htu: 'http://127.0.0.1/v1/token' } } },
    'a proof without the code': { wrongs: { claims: { ath: undefined } } },
    'a proof for another code': { wrongs: { claims: { ath: hashed('AAAA-AAAA-AAAA') } } },
    'no proof of the key': { wrongs: { signer: newKey().privateKey } },
  }
  it.each(Object.keys(WRONG))('%s does not ask to be paired', async (name) => {
    await nothing(await ask(world, newKey(), await invite(world), WRONG[name]))
  })

  it.each([
    ['no name', {}],
    ['an empty name', { name: '' }],
    ['a name of two lines', { name: 'Phone\nscopes: none' }],
    ['a name that steers a terminal', { name: '\u001b[2J' }],
    ['a name that is written backwards', { name: 'a\u202eb' }],
    ['a name with quotes', { name: 'Phone" (approved' }],
    ['the scope of the owner', { name: 'x', scopes: ['*'] }],
    ['no scopes', { name: 'x', scopes: [] }],
    ['a key beside the proof', { name: 'x', jwk: newKey().jwk }],
  ])('%s is refused, and the invitation stays', async (_, body) => {
    const code = await invite(world)
    expect(coded(await ask(world, newKey(), code, { body }))).toEqual([400, 'API_REQUEST'])
    expect((await ask(world, newKey(), code)).status).toBe(201)
  })

  it('a key under which one signature fits every text is no key', async () => {
    const code = await invite(world)
    const key = { ...newKey(), jwk: neutral }
    const [head, claims] = proofOf(world, key, { method: 'POST', path: '/v1/pairings', credentials: code }).split('.')
    const forged = Buffer.from([1, ...new Array(63).fill(0)]).toString('base64url')
    await nothing(await ask(world, key, code, { proof: `${head}.${claims}.${forged}` }))
  })

  it('the key of a device that is paired pairs no second device', async () => {
    expect(coded(await ask(world, device.key, await invite(world)))).toEqual([403, 'PAIRING_REFUSED'])
  })

  it('the owner is no device', async () => {
    expect(coded(await world.post('/v1/pairings', { name: 'x' }))).toEqual([403, 'PAIRING_REFUSED'])
    expect(coded(await world.post('/v1/token'))).toEqual([403, 'PAIRING_REFUSED'])
  })

  it('a code that the screen of the device does not show approves nothing', async () => {
    const [one, two] = [await waiting(world), await waiting(world)]
    const path = `/v1/pairings/${one.id}/approve`
    expect(coded(await world.post(path, { code: two.code }))).toEqual([403, 'PAIRING_CODE'])
    await expect(command(world, 'pairings approve', { args: { code: 'AAAA-AAAA' } })).rejects.toThrow('no device')
  })
})

describe('guessing a code', () => {
  let fresh: ApiWorld
  let invitations: ReturnType<typeof createInvitations>
  beforeAll(async () => {
    fresh = await apiWorld()
    const { kernel } = fresh
    const [store, keys, audit] = [kernel.service(storeSlot), kernel.service(keysSlot), kernel.service(auditSlot)]
    invitations = createInvitations({ store, keys, audit, now: () => fresh.now })
  })
  afterAll(() => fresh.close())
  const guess = (code: string) => `${code.slice(0, 5)}${newInvitationCode().text.slice(5)}`

  it('ten wrong ones end the invitation, however many come at one moment, and the log says so once', async () => {
    const code = await invite(fresh)
    const found = await Promise.all(Array.from({ length: 40 }, () => invitations.find(guess(code))))
    expect(found.filter(Boolean)).toEqual([])
    expect(await invitations.find(code)).toBeUndefined()
    const burned = []
    for await (const { record } of fresh.kernel.service(auditSlot).scan())
      if (record['type'] === 'pairing.burned') burned.push(record['invitation'])
    expect(burned).toEqual([code.slice(0, 4)])
  })

  it('guesses at one invitation, and at none, do not end another', async () => {
    const [one, other] = [await invite(fresh), await invite(fresh)]
    for (let i = 0; i < 12; i++) await invitations.find(guess(i % 2 ? one : newInvitationCode().text))
    expect(await invitations.find(other)).toBe(other.slice(0, 4))
  })

  it('a client that goes on guessing is made to wait', async () => {
    const key = newKey()
    for (let i = 0; i < 11; i++) expect((await ask(fresh, key, newInvitationCode().text)).status).toBe(401)
    expect(coded(await ask(fresh, key, newInvitationCode().text))).toEqual([429, 'API_LOCKED_OUT'])
  })

  it('no text but the code is the code', async () => {
    const code = await invite(fresh)
    const near = fc
      .tuple(fc.integer({ min: 5, max: 13 }), fc.constantFrom(...'0123456789ABCDEFGHJKMNPQRSTVWXYZ'))
      .map(([at, symbol]) => code.slice(0, at) + symbol + code.slice(at + 1))
    await fc.assert(
      fc.asyncProperty(fc.oneof(near, fc.string({ maxLength: 30 })), async (text) => {
        const same = readInvitationCode(text)?.secret === readInvitationCode(code)?.secret
        // The tries of the invitation are used up on the way; what is left is refused as well.
        return same || (await invitations.find(text)) === undefined
      }),
      { numRuns: 60 },
    )
  })

  it('two texts are compared as a whole: the same or not, and nothing else', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => sameText(a, b) === (a === b) && sameText(a, a)),
      { numRuns: 500 },
    )
    fc.assert(
      fc.property(fc.constantFrom('K3V7-Q2M4', '1234-0000'), fc.string({ maxLength: 12 }), (code, text) => {
        const plain = text.toUpperCase().replace(/-/g, '').replace(/[IL]/g, '1').replace(/O/g, '0')
        return isCode(text, code) === (plain === code.replace('-', ''))
      }),
    )
  })
})

describe('a flood', () => {
  it('twenty invitations and waiting devices are the most, however many are asked for at one moment', async () => {
    const fresh = await apiWorld()
    const outcomes = await Promise.all(
      Array.from({ length: 26 }, () => command(fresh, 'pairings invite', { options: { scopes: 'tools:read' } })),
    )
    const done = outcomes.filter(({ status }) => status === 'done')
    expect(done).toHaveLength(20)
    expect(outcomes.find(({ status }) => status !== 'done')).toMatchObject({ status: 'failed', code: 'PAIRING_LIMIT' })
    // A used invitation makes no room: its device waits now.
    expect((await ask(fresh, newKey(), String(done[0]?.['code']))).status).toBe(201)
    expect(await command(fresh, 'pairings invite')).toMatchObject({ status: 'failed' })
    fresh.now += 10 * 60_000
    expect(await command(fresh, 'pairings invite')).toMatchObject({ status: 'done' })
    await fresh.close()
  })
})

describe('nothing that a client sends makes the server fail', () => {
  const request = { method: 'GET', url: 'http://127.0.0.1:1/v1/tools', credentials: 'x' }

  it('whatever a proof says', async () => {
    const part = fc.oneof(
      fc.jsonValue().map(encoded),
      fc.string({ maxLength: 40 }),
      fc
        .record(
          {
            typ: fc.oneof(fc.constant('dpop+jwt'), fc.jsonValue()),
            alg: fc.oneof(fc.constantFrom('EdDSA', 'Ed25519', 'none', 'HS256', 'RS256'), fc.jsonValue()),
            jwk: fc.oneof(
              fc.record({
                kty: fc.constant('OKP'),
                crv: fc.constant('Ed25519'),
                x: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((raw) => Buffer.from(raw).toString('base64url')),
              }),
              fc.jsonValue(),
            ),
            crit: fc.jsonValue(),
          },
          { requiredKeys: ['typ', 'alg', 'jwk'] },
        )
        .map(encoded),
    )
    const signature = fc.oneof(
      fc.uint8Array({ minLength: 64, maxLength: 64 }).map((raw) => Buffer.from(raw).toString('base64url')),
      fc.string({ maxLength: 90 }),
    )
    await fc.assert(
      fc.asyncProperty(part, part, signature, async (head, body, tail) => {
        const headers = { dpop: `${head}.${body}.${tail}` }
        return (await verifyProof({ ...request, headers }, world.now)) === undefined
      }),
      { numRuns: 600 },
    )
  })

  it('whatever a token says', async () => {
    const keys = world.kernel.service(keysSlot)
    const tokens = createTokens({ keys, workspace: () => 'w', now: () => world.now })
    const head = fc.record({
      alg: fc.constantFrom('EdDSA', 'none', 'HS256'),
      typ: fc.constant('at+jwt'),
      kid: fc.oneof(fc.constant('0123456789abcdef'), fc.jsonValue()),
    })
    const part = fc.oneof(head.map(encoded), fc.jsonValue().map(encoded), fc.string({ maxLength: 40 }))
    await fc.assert(
      fc.asyncProperty(part, part, fc.string({ maxLength: 90 }), async (...parts) => {
        return (await tokens.read(parts.join('.'))) === undefined
      }),
      { numRuns: 300 },
    )
  })
})
