import { generateKeyPairSync, sign } from 'node:crypto'
import { deviceKey, newDevice } from 'cloned/plugins/pairing'
import { expect, it } from 'vitest'
import { signedRequests, signedText } from './signed-requests.js'

const NOW = 1_800_000_000_000
const SECONDS = String(NOW / 1000)
const NONCE = 'n'.repeat(32)
const REQUEST = { method: 'POST', url: 'http://127.0.0.1:4117/v1/tools/x/call', headers: {} }

function pair() {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  return { privateKey, x: publicKey.export({ format: 'jwk' }).x ?? '' }
}
const own = pair()
const other = pair()
const device = newDevice({ name: 'Phone', scopes: ['tools:call'], thumbprint: deviceKey(own.x)?.thumbprint ?? '' }, NOW)

const scheme = signedRequests({
  devices: { paired: async (id) => (id === device.id ? { ...device, state: 'paired' } : undefined) },
  store: { write: async () => [[], [{ nonce: NONCE }]] },
  gate: { actor: () => ({ id: `device:${device.id}`, claimed: false, osUser: '' }) },
  now: () => NOW,
})

/** The same bytes: the last two bits stand for nothing. */
function respelt(x: string): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return x.slice(0, -1) + letters.charAt(letters.indexOf(x.slice(-1)) + 1)
}

interface Sent {
  readonly id?: string
  readonly x?: string
  readonly by?: typeof own
  readonly seconds?: string
  readonly signed?: readonly [method: string, url: string, seconds: string, nonce: string]
}

function credentials({ id = device.id, by = own, x = by.x, seconds = SECONDS, signed }: Sent): string {
  const [method, url, at, nonce] = signed ?? [REQUEST.method, REQUEST.url, seconds, NONCE]
  const signature = sign(null, signedText(method, url, at, nonce), by.privateKey).toString('base64url')
  return [id, x, seconds, NONCE, signature].join('.')
}

it.each<[wrong: string, sent: Sent]>([
  ['another key, which signs well', { by: other }],
  ['another key, and the own one shown', { by: other, x: own.x }],
  ['the own key, and another one shown', { x: other.x }],
  ['a key of another spelling', { x: respelt(own.x) }],
  ['another device', { id: 'dev_000000000000' }],
  ['another method', { signed: ['GET', REQUEST.url, SECONDS, NONCE] }],
  ['another URL', { signed: [REQUEST.method, `${REQUEST.url}?`, SECONDS, NONCE] }],
  ['another nonce', { signed: [REQUEST.method, REQUEST.url, SECONDS, 'm'.repeat(32)] }],
  ['another time', { signed: [REQUEST.method, REQUEST.url, String(NOW / 1000 - 1), NONCE] }],
  ['too early', { seconds: String(NOW / 1000 - 61) }],
  ['too late', { seconds: String(NOW / 1000 + 61) }],
])('a request proves no device: %s', async (_, sent) => {
  expect(await scheme.authenticate({ ...REQUEST, credentials: credentials(sent) })).toBeUndefined()
})

it('a request that the device signed proves it, with its scopes', async () => {
  expect(await scheme.authenticate({ ...REQUEST, credentials: credentials({}) })).toMatchObject({
    actor: { id: `device:${device.id}` },
    scopes: new Set(['tools:call']),
  })
})
