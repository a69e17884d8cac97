// Credentials of connectors: put in by the host, for the hosts and places that manifest and vault both say, never shown.
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import { declares, hostOf } from 'cloned/connector'
import type { HandlerContext } from 'cloned/kernel'
import { describe, expect, it } from 'vitest'
import { Credentials } from '../../plugins/connectors/credentials.js'
import { signedToken } from '../../plugins/connectors/jwt.js'
import type { BindRequest, FetchInit, Firewall, SecretSlot } from '../../plugins/firewall/slot.js'
import type { AuthSlot } from '../../plugins/package/slot.js'
import { encodeFor } from '../../plugins/vault/encode.js'
import type { Secret, Vault } from '../../plugins/vault/slot.js'
import { packageTool } from './connectors-fixture.js'

const HOST = 'api.example.com'
const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const PEM = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

interface World {
  readonly credentials: Credentials
  readonly asked: string[]
  readonly posted: (FetchInit & { readonly url: string; readonly bound: string })[]
  readonly registered: string[]
  now: number
  answer: unknown
}

/** A vault that answers these values and notes for what, and a token endpoint. */
function worldOf(values: Record<string, string>): World {
  const asked: string[] = []
  const posted: World['posted'] = []
  const registered: string[] = []
  const world = { now: 1_000_000_000_000, answer: { access_token: 'access-1', expires_in: 3600 } as unknown }
  const vault = {
    async resolve(name: string, { tool, host, slot }: { tool: string; host: string; slot: string }): Promise<Secret> {
      asked.push(`${name} ${tool} ${host} ${slot}`)
      const value = values[name]
      if (value === undefined) throw new Error('denied')
      return { name, version: '1', reveal: () => Buffer.from(value), toJSON: () => name }
    },
    bind(secret: Secret, { slot }: { slot: string }): string {
      const encoded = encodeFor(slot, secret.reveal())
      if ('problem' in encoded) throw new Error(encoded.problem)
      return encoded.text
    },
  } as unknown as Vault
  const firewall = {
    async fetch(_: unknown, url: string, init: FetchInit) {
      const [slot] = init.secrets ?? []
      const bound = slot ? await init.bind?.(slot, { method: 'POST', url, host: 'auth.example.com' }) : ''
      posted.push({ ...init, url, bound: String(bound) })
      return { ok: true, status: 200, json: () => world.answer }
    },
  } as unknown as Firewall
  const credentials = new Credentials({
    vault,
    firewall,
    scrubber: {
      register: (name: string, value: Uint8Array) => void registered.push(`${name}=${Buffer.from(value)}`),
    } as never,
    workspace: () => 'w',
    secretName: (connector, secret) => (connector === 'acme.mapped' ? `mapped-${secret}` : secret),
    now: () => world.now,
  })
  return Object.assign(world, { credentials, asked, posted, registered })
}

const slotOf = (auth: Partial<AuthSlot>): AuthSlot => ({
  name: 'main',
  kind: 'static',
  secret: 'pat',
  place: 'header:authorization',
  hosts: [HOST],
  ...auth,
})

async function bound(world: World, auth: Partial<AuthSlot>, url = `https://${HOST}/x`, connector = 'acme.api') {
  const tool = packageTool({ id: 'acme.api.do@v1', egress_hosts: [HOST, 'auth.example.com'], auth: [slotOf(auth)] })
  const ctx = { callId: 'c1', check: () => ({ allowed: true, ballot: [] }) } as unknown as HandlerContext
  const call = { connector, toolId: 'connector.acme.api.do@v1', tool, ctx }
  const { secrets = [], bind } = world.credentials.forRequest(call, ['main'])
  const slot = secrets[0] as SecretSlot
  const request: BindRequest = { method: 'GET', url, host: new URL(url).hostname }
  return { slot, value: await bind?.(slot, request) }
}

describe('a credential', () => {
  it.each([
    [{ format: 'Bearer {secret}' }, 'a$&b', { in: 'header', name: 'authorization' }, 'Bearer a$&b'],
    [{ place: 'query:key' }, 'a b&c', { in: 'query', name: 'key' }, 'a b&c'],
    [{ place: 'form:key' }, 'a b+c', { in: 'body', name: 'key' }, 'a b+c'],
    [{ place: 'json:/key' }, 'a"\\b', { in: 'body', name: 'key' }, 'a"\\b'],
    [{ kind: 'basic' }, 'ann:pw', { in: 'header', name: 'authorization' }, 'Basic YW5uOnB3'],
  ] as const)('%o of %j goes to %o', async (auth, secret, place, value) => {
    const world = worldOf({ pat: secret })
    const { slot, value: got } = await bound(world, auth)
    expect(slot).toEqual({ secret: 'pat', ...place })
    expect(got).toBe(value)
    const where = 'place' in auth ? auth.place : 'header:authorization'
    expect(world.asked).toEqual([`pat connector.acme.api.do@v1 ${HOST} ${where}`])
  })

  it('has the name in the vault that the workspace gives it', async () => {
    const world = worldOf({ 'mapped-pat': 'x' })
    expect((await bound(world, {}, undefined, 'acme.mapped')).value).toBe('x')
  })

  it.each([`https://evil.example.com/`, `https://${HOST}:8443/`, `http://${HOST}/`, `https://${HOST}.evil.com/`])(
    'is not put into a request to %s',
    async (url) => {
      const world = worldOf({ pat: 'x' })
      await expect(bound(world, {}, url)).rejects.toThrow(/is not for/)
      expect(world.asked).toEqual([])
    },
  )

  it.each(['path:x', 'json:/a/b', 'json:a', 'cookie:x'])('is not put into %s', async (place) => {
    await expect(bound(worldOf({ pat: 'x' }), { place })).rejects.toThrow(/cannot be put/)
  })

  it('that the tool does not declare is refused', () => {
    const ctx = {} as HandlerContext
    const call = { connector: 'a.b', toolId: 't', tool: packageTool({ id: 'a.b.c@v1' }), ctx }
    expect(() => worldOf({}).credentials.forRequest(call, ['other'])).toThrow(/no auth slot "other"/)
  })
})

describe('a signed token', () => {
  const options = { algorithm: 'EdDSA', claims: { iss: 'app', exp: 1 }, kid: 'k', lifetime_s: 60 }

  it('is signed by the host, and kept from leaving like the key', async () => {
    const world = worldOf({ key: PEM })
    const { value } = await bound(world, { kind: 'jwt', secret: 'key', options, format: 'Bearer {secret}' })
    const token = String(value).slice('Bearer '.length)
    const [header = '', payload = '', signature = ''] = token.split('.')
    const signed = Buffer.from(`${header}.${payload}`)
    expect(
      verify(
        null,
        signed,
        createPublicKey(publicKey.export({ type: 'spki', format: 'pem' })),
        Buffer.from(signature, 'base64url'),
      ),
    ).toBe(true)
    const seconds = world.now / 1000
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toEqual({
      iss: 'app',
      iat: seconds - 60,
      exp: seconds + 60,
    })
    expect(world.registered).toEqual([`key.derived=${token}`])
  })

  it.each([
    [{ algorithm: 'none' }, /not one of/],
    [{ algorithm: 'HS256' }, /not one of/],
    [{ algorithm: 'RS256' }, /not for RS256/],
    [{ lifetime_s: 86_400 }, /out of bounds/],
  ])('is not made with %o', (more, says) => {
    expect(() => signedToken(Buffer.from(PEM), { ...options, ...more }, 0)).toThrow(says)
  })

  it('does not quote a damaged key', () => {
    expect(() => signedToken(Buffer.from('-----BEGIN x secret'), options, 0)).toThrow(
      /^((?!secret x).)*not a private key/,
    )
  })
})

describe('an access token', () => {
  const auth: Partial<AuthSlot> = {
    kind: 'oauth_refresh',
    secret: 'refresh',
    format: 'Bearer {secret}',
    options: { token_url: 'https://auth.example.com/token', client_id: 'id' },
  }

  it('is had once with the refresh token, which goes to the token endpoint alone', async () => {
    const world = worldOf({ refresh: 'r&1' })
    expect((await bound(world, auth)).value).toBe('Bearer access-1')
    expect((await bound(world, auth)).value).toBe('Bearer access-1')
    expect(world.posted.map(({ url, bound: value, body }) => [url, value, body])).toEqual([
      ['https://auth.example.com/token', 'r&1', 'grant_type=refresh_token&client_id=id'],
    ])
    expect(new Set(world.asked)).toEqual(
      new Set(['refresh connector.acme.api.do@v1 auth.example.com form:refresh_token']),
    )
    expect(world.registered).toEqual(['refresh.derived=access-1'])
  })

  it('is had anew before it ends', async () => {
    const world = worldOf({ refresh: 'r' })
    await bound(world, auth)
    world.now += 3_541_000
    world.answer = { access_token: 'access-2', expires_in: 3600 }
    expect((await bound(world, auth)).value).toBe('Bearer access-2')
  })

  it('is not used once the secret cannot be', async () => {
    const values: Record<string, string> = { refresh: 'r' }
    const world = worldOf(values)
    await bound(world, auth)
    delete values['refresh']
    await expect(bound(world, auth)).rejects.toThrow('denied')
  })

  it.each([
    [{ token_url: 'http://auth.example.com/token' }, /no token_url/],
    [{ token_url: 'https://evil.example/token' }, /does not declare/],
    [{}, /no token_url/],
  ])('is not had with %o', async (options, says) => {
    await expect(bound(worldOf({ refresh: 'r' }), { ...auth, options })).rejects.toThrow(says)
  })
})

describe('a declared host', () => {
  it.each([
    [['a.com'], 'https://a.com/', true],
    [['a.com'], 'https://a.com./', true],
    [['a.com'], 'https://A.com/', true],
    [['a.com'], 'https://a.com:444/', false],
    [['a.com:444'], 'https://a.com:444/', true],
    [['a.com:80'], 'http://a.com/', true],
    [['*.a.com'], 'https://b.a.com/', true],
    [['*.a.com'], 'https://c.b.a.com/', false],
    [['*.a.com'], 'https://a.com/', false],
    [['*.a.com'], 'https://xa.com/', false],
    [[], 'https://a.com/', false],
  ] as const)('%j for %s: %s', (patterns, url, expected) => {
    expect(declares(patterns, hostOf(url))).toBe(expected)
  })
})
