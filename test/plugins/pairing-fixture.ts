// Plays devices against a served workspace: keys, proofs right and wrong, and the way from an invitation to a token.
import { createHash, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto'
import { approvalsSlot, gateSlot, type Json, type JsonObject } from 'cloned/kernel'
import { cliSlot } from 'cloned/plugins/cli'
import type { Scope } from '../../plugins/api/slot.js'
import { type Answer, type ApiWorld, send } from './api-fixture.js'

/** Parts of a proof to say otherwise; `undefined` leaves one out. */
export interface Wrongs {
  readonly head?: Readonly<Record<string, unknown>>
  readonly claims?: Readonly<Record<string, unknown>>
  /** Signs with another key than the one in the header. */
  readonly signer?: KeyObject
}

export interface TestDevice {
  readonly id: string
  readonly key: TestKey
}

export interface TestKey {
  readonly privateKey: KeyObject
  readonly jwk: { readonly kty: string; readonly crv: string; readonly x: string }
}

export function newKey(): TestKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const { x = '' } = publicKey.export({ format: 'jwk' })
  return { privateKey, jwk: { kty: 'OKP', crv: 'Ed25519', x } }
}

export const encoded = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url')
export const hashed = (text: string) => createHash('sha256').update(text).digest('base64url')

/** A JSON Web Token in compact form, signed by an Ed25519 key. */
export function signed(head: object, claims: unknown, key: KeyObject): string {
  const text = `${encoded(head)}.${encoded(claims)}`
  return `${text}.${sign(null, Buffer.from(text), key).toString('base64url')}`
}

/** A proof for one request that was right, but for what `wrongs` says. */
export function proofOf(
  world: Pick<ApiWorld, 'address' | 'now'>,
  { privateKey, jwk }: TestKey,
  { method, path, credentials }: { readonly method: string; readonly path: string; readonly credentials: string },
  { head = {}, claims = {}, signer = privateKey }: Wrongs = {},
): string {
  return signed(
    { typ: 'dpop+jwt', alg: 'EdDSA', jwk, ...head },
    {
      jti: randomUUID(),
      htm: method,
      htu: `${world.address}${path.replace(/[?#].*/, '')}`,
      iat: Math.floor(world.now / 1000),
      ath: hashed(credentials),
      ...claims,
    },
    signer,
  )
}

export interface Sent {
  readonly scheme?: string
  readonly body?: Json
  readonly wrongs?: Wrongs
  /** Instead of a proof made here. */
  readonly proof?: string
}

/** Sends a request as the holder of a key. */
export function sendAs(
  world: ApiWorld,
  key: TestKey,
  [method, path]: readonly [string, string],
  credentials: string,
  { scheme = 'DPoP', body, wrongs, proof = proofOf(world, key, { method, path, credentials }, wrongs) }: Sent = {},
): Promise<Answer> {
  return send(world.address, method, path, {
    headers: { authorization: `${scheme} ${credentials}`, dpop: proof },
    ...(body === undefined ? {} : { body }),
  })
}

/** What the command of this name does, as the owner. */
export async function command(world: ApiWorld, name: string, more: JsonObject = {}): Promise<JsonObject> {
  const found = world.kernel
    .service(cliSlot)
    .commands()
    .find(({ item }) => item.name === name)
  const same = (text: string) => text
  const ctx = { args: {}, options: {}, dryRun: false, printable: same, table: () => '', paint: { bold: same }, ...more }
  const all = {
    ...ctx,
    signal: AbortSignal.timeout(60_000),
    waiting: () => '',
    usageError: (text: string) => new Error(text),
  }
  return (await found?.item.run(all as never))?.json as JsonObject
}

/** The code of a new invitation. */
export async function invite(world: ApiWorld, scopes = 'tools:read,tools:call', minutes = '10'): Promise<string> {
  return String((await command(world, 'pairings invite', { options: { scopes, minutes } }))['code'])
}

export const ask = (world: ApiWorld, key: TestKey, code: string, more: Sent = {}): Promise<Answer> =>
  sendAs(world, key, ['POST', '/v1/pairings'], code, { scheme: 'Pairing', body: { name: 'Phone' }, ...more })

/** Has a device approved on the command line, by its owner and then by somebody else where that is what it takes. */
export async function approve(world: ApiWorld, code: string): Promise<void> {
  const outcome = await command(world, 'pairings approve', { args: { code } })
  const by = world.kernel.service(gateSlot).actor({ id: 'user:bob', osUser: 'bob' })
  const { id } = outcome['approval'] as { id: string }
  await world.kernel.service(approvalsSlot).decide(id, { verdict: 'approve', by, proven: true })
}

/** A device that waits for its approval. */
export async function waiting(
  world: ApiWorld,
  scopes?: string,
  key = newKey(),
): Promise<TestDevice & { code: string }> {
  const { body } = await ask(world, key, await invite(world, scopes))
  return { id: body.id, key, code: body.code }
}

export async function paired(world: ApiWorld, scopes?: string, key = newKey()): Promise<TestDevice> {
  const device = await waiting(world, scopes, key)
  await approve(world, device.code)
  return device
}

export const fetchToken = (world: ApiWorld, { id, key }: TestDevice, more: Sent = {}): Promise<Answer> =>
  sendAs(world, key, ['POST', '/v1/token'], id, { scheme: 'Device', body: {}, ...more })

/** An access token. */
export async function tokenOf(world: ApiWorld, device: TestDevice): Promise<string> {
  return (await fetchToken(world, device)).body.access_token
}

/** A device with a token, and the way to ask with it. */
export async function connected(world: ApiWorld, scopes?: readonly Scope[]) {
  const device = await paired(world, scopes?.join())
  const token = await tokenOf(world, device)
  const as = (method: string, path: string, sent: Sent = {}) => sendAs(world, device.key, [method, path], token, sent)
  return { ...device, token, as }
}
