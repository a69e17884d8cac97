// The rules that every trust store keeps, as cases for any test runner; must never rely on where its documents come from.
import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import type { JsonObject } from 'cloned/kernel'
import { type ContractCase, type ContractSubject, codeOf, contractCase } from 'cloned/testing'
import type { PackageIdentity, Trust } from './slot.js'

/** What is revoked: an entry of `revocations.json`, without the time. */
export type TestRevocation = {
  readonly kind: 'key' | 'publisher' | 'package' | 'tool' | 'digest'
  readonly kid?: string
  readonly publisher_id?: string
  readonly id?: string
  readonly range?: string
  readonly digest?: string
  readonly reason: string
  readonly effective: 'always' | 'after'
  readonly compromised_at?: string
}

/** A trust store under test, without documents. */
export interface TrustSubject extends ContractSubject {
  readonly trust: Trust
  /** Puts the document of a publisher in force, in the place of an older one. Rejects for one that must not be. */
  put(document: string): Promise<void>
  revoke(entry: TestRevocation): Promise<void>
}

interface TestKey {
  readonly pem: string
  readonly publicKey: KeyObject
}

const PAYLOAD = Buffer.from('{"id":"acme.weather"}\n')
const INSTALL = { type: 'package', at: 'install' } as const
const LOAD = { type: 'package', at: 'load' } as const

/** The contract of slot `cloned.trust`. `make` is called once per case. */
export function trustSuite(make: () => Promise<TrustSubject>): readonly ContractCase[] {
  const rule: Rule = (name, check) => contractCase(name, make, check)
  return [...signatures(rule), ...publishers(rule), ...revocations(rule)]
}

type Rule = (name: string, check: (subject: TrustSubject) => Promise<void>) => ContractCase

function signatures(rule: Rule): readonly ContractCase[] {
  return [
    rule('nothing counts while nobody is trusted', async ({ trust }) => {
      const signature = signed(trust, newKey())
      for (const work of [() => trust.standing(), () => trust.verify(PAYLOAD, signature, INSTALL)]) {
        assert.equal(await codeOf(work), 'TRUST_ROOT_MISSING')
      }
      assert.deepEqual(await trust.publishers(), [])
    }),
    rule('a package counts as signed by the publisher whose key has signed these very bytes', async (subject) => {
      const { trust } = subject
      const key = await trusted(subject)
      const signature = signed(trust, key)
      const { kid } = trust.sign(PAYLOAD, { type: 'package', pem: key.pem })
      assert.deepEqual(await trust.verify(PAYLOAD, signature, INSTALL), {
        publishers: ['acme'],
        kids: [kid],
        root: false,
      })
      const changed = Buffer.from(PAYLOAD)
      changed[3] = (changed[3] ?? 0) ^ 1
      assert.equal(await codeOf(() => trust.verify(changed, signature, INSTALL)), 'SIGNATURE_INVALID')
      assert.equal(await codeOf(() => trust.verify(PAYLOAD, signed(trust, newKey()), INSTALL)), 'SIGNATURE_INVALID')
    }),
    rule('a signature over one type of document is none over another', async (subject) => {
      const key = await trusted(subject)
      for (const type of ['catalog', 'publisher', 'revocations', 'root'] as const) {
        const { signature } = subject.trust.sign(PAYLOAD, { type, pem: key.pem })
        const work = () => subject.trust.verify(PAYLOAD, Buffer.from(signature), INSTALL)
        assert.equal(await codeOf(work), 'SIGNATURE_INVALID', type)
      }
    }),
    rule('what is outside of the one profile of signatures is refused', async (subject) => {
      const { trust } = subject
      const good = JSON.parse(signed(trust, await trusted(subject)).toString()) as { signatures: [JsonObject] }
      const [entry] = good.signatures
      const header = JSON.parse(Buffer.from(String(entry['protected']), 'base64url').toString()) as JsonObject
      const encoded = (changed: object) => Buffer.from(JSON.stringify(changed)).toString('base64url')
      const other = (change: object) => ({ signatures: [{ ...entry, protected: encoded({ ...header, ...change }) }] })
      const bad: Record<string, unknown> = {
        nothing: '',
        'no JSON': '{',
        'no signatures': { signatures: [] },
        'another algorithm': other({ alg: 'none' }),
        'a key in the header': other({ jwk: { kty: 'OKP' } }),
        'an unprotected header': { signatures: [{ ...entry, header: { alg: 'Ed25519' } }] },
        'a member more': { ...good, payload: PAYLOAD.toString('base64url') },
        'the same key twice': { signatures: [entry, entry] },
        'half a signature': { signatures: [{ ...entry, signature: String(entry['signature']).slice(0, 40) }] },
        'a signature of zeros': { signatures: [{ ...entry, signature: 'A'.repeat(86) }] },
        'a good one beside a bad one of the same key': {
          signatures: [entry, { ...entry, signature: 'A'.repeat(86) }],
        },
      }
      for (const [what, document] of Object.entries(bad)) {
        const bytes = Buffer.from(typeof document === 'string' ? document : JSON.stringify(document))
        assert.equal(await codeOf(() => trust.verify(PAYLOAD, bytes, INSTALL)), 'SIGNATURE_INVALID', what)
      }
    }),
    rule('a key that may not sign documents of one kind does not count for them', async (subject) => {
      const { trust } = subject
      const [key, other] = [newKey(), newKey()]
      await subject.put(documentOf(trust, key))
      const catalogKey = trust.publisherDocument(other.publicKey, { existing: documentOf(trust, key), use: 'catalog' })
      await subject.put(catalogKey)
      assert.equal(await codeOf(() => trust.verify(PAYLOAD, signed(trust, other), INSTALL)), 'SIGNATURE_INVALID')
      const catalog = trust.sign(PAYLOAD, { type: 'catalog', pem: other.pem })
      const about = { type: 'catalog', at: 'install' } as const
      const signers = await trust.verify(PAYLOAD, Buffer.from(catalog.signature), about)
      assert.deepEqual(signers.publishers, ['acme'])
    }),
    rule('a publisher has signed when as many of its keys have as it says, and not before', async (subject) => {
      const { trust, put } = subject
      const [first, second] = [newKey(), newKey()]
      const one = documentOf(trust, first)
      const both = JSON.parse(
        trust.publisherDocument(second.publicKey, { existing: one, use: 'package' }),
      ) as JsonObject
      await put(JSON.stringify({ ...both, threshold: 2 }))
      const alone = signed(trust, first)
      assert.equal(await codeOf(() => trust.verify(PAYLOAD, alone, INSTALL)), 'SIGNATURE_INVALID')
      const together = trust.sign(PAYLOAD, { type: 'package', pem: second.pem, existing: alone }).signature
      const signers = await trust.verify(PAYLOAD, Buffer.from(together), INSTALL)
      assert.deepEqual([signers.publishers, signers.kids.length], [['acme'], 2])
    }),
    rule('a key that is retired signs nothing new, and what it signed can still be loaded', async (subject) => {
      const { trust, put } = subject
      const [old, fresh] = [newKey(), newKey()]
      const both = trust.publisherDocument(fresh.publicKey, { existing: documentOf(trust, old), use: 'package' })
      const document = JSON.parse(both) as { version: number; keys: JsonObject[] }
      document.keys = document.keys.map((key, n) => (n === 0 ? { ...key, status: 'retired' } : key))
      await put(JSON.stringify(document))
      const signature = signed(trust, old)
      assert.equal(await codeOf(() => trust.verify(PAYLOAD, signature, INSTALL)), 'SIGNATURE_INVALID')
      assert.deepEqual((await trust.verify(PAYLOAD, signature, LOAD)).publishers, ['acme'])
    }),
  ]
}

function publishers(rule: Rule): readonly ContractCase[] {
  return [
    rule('publishers are told with their keys, and every change changes the digest', async (subject) => {
      const { trust, put } = subject
      const key = await trusted(subject)
      const { digest } = await trust.standing()
      const [acme, ...others] = await trust.publishers()
      const { kid } = trust.sign(PAYLOAD, { type: 'package', pem: key.pem })
      assert.deepEqual(acme?.keys, [{ kid, use: 'package', status: 'active' }])
      assert.deepEqual(
        [acme?.id, acme?.namespaces, acme?.threshold, others],
        ['acme', ['acme', 'umbrella.tools'], 1, []],
      )
      assert.equal((await trust.standing()).digest, digest)
      await put(trust.publisherDocument(newKey().publicKey, { existing: documentOf(trust, key), use: 'package' }))
      assert.notEqual((await trust.standing()).digest, digest)
      assert.equal((await trust.publishers())[0]?.keys.length, 2)
    }),
    rule('an id lies in a namespace by whole words', async (subject) => {
      await trusted(subject)
      const codes = {
        'acme.x': 'ok',
        acme: 'ok',
        'acme-x.y': 'PUBLISHER_NAMESPACE',
        acmex: 'PUBLISHER_NAMESPACE',
        'umbrella.tools.a': 'ok',
        'umbrella.other': 'PUBLISHER_NAMESPACE',
      }
      for (const [id, code] of Object.entries(codes)) {
        assert.equal(await codeOf(() => subject.trust.inNamespace('acme', id)), code, id)
      }
      assert.equal(await codeOf(() => subject.trust.inNamespace('evil', 'acme.x')), 'PUBLISHER_UNKNOWN')
    }),
    rule('a document with a key that is none, or is not what its name says, is never in force', async (subject) => {
      const { trust, put } = subject
      const key = newKey()
      const document = JSON.parse(documentOf(trust, key)) as { keys: [{ kid: string; jwk: JsonObject }] }
      const withKey = (change: object) => JSON.stringify({ ...document, keys: [{ ...document.keys[0], ...change }] })
      const bad = {
        'no JSON': '{',
        'a member more': JSON.stringify({ ...document, also: true }),
        'no keys': JSON.stringify({ ...document, keys: [] }),
        'more than it can reach': JSON.stringify({ ...document, threshold: 2 }),
        'another name': withKey({ kid: 'A'.repeat(43) }),
        // The neutral element: under it a signature fits every text.
        'a weak key': withKey({ jwk: { ...document.keys[0].jwk, x: `AQ${'A'.repeat(41)}` } }),
      }
      for (const [what, text] of Object.entries(bad)) assert.notEqual(await codeOf(() => put(text)), 'ok', what)
      assert.deepEqual(await trust.publishers(), [])
    }),
  ]
}

function revocations(rule: Rule): readonly ContractCase[] {
  const hits: Record<string, [TestRevocation, Partial<PackageIdentity>]> = {
    'a publisher': [revoked({ kind: 'publisher', publisher_id: 'acme' }), { id: 'acme.other', version: '9.0.0' }],
    'a range of versions': [revoked({ kind: 'package', id: 'acme.weather', range: '<2' }), { version: '2.0.0' }],
    'one package': [revoked({ kind: 'digest', digest: 'a'.repeat(64) }), { digest: 'b'.repeat(64) }],
    'a tool': [revoked({ kind: 'tool', id: 'acme.weather.today@v1' }), { tools: ['acme.weather.today@v2'] }],
  }
  return [
    ...Object.entries(hits).map(([what, [entry, another]]) =>
      rule(`a revocation hits what it names: ${what}`, async (subject) => {
        const { trust } = subject
        const identity = identityOf(trust, await trusted(subject))
        await trust.notRevoked(identity)
        await subject.revoke(entry)
        assert.equal(await codeOf(() => trust.notRevoked(identity)), 'TRUST_REVOKED')
        const missed = await codeOf(() => trust.notRevoked({ ...identity, ...another }))
        assert.equal(missed, entry.kind === 'publisher' ? 'TRUST_REVOKED' : 'ok')
      }),
    ),
    rule('a revoked key counts no more, or not from when it was lost', async (subject) => {
      const { trust } = subject
      const key = await trusted(subject)
      const lost = Date.parse('2026-01-01T00:00:00Z')
      const identity = identityOf(trust, key)
      const [kid = ''] = identity.kids
      const compromised_at = new Date(lost).toISOString()
      await subject.revoke({ ...revoked({ kind: 'key', kid }), effective: 'after', compromised_at })
      assert.equal(await codeOf(() => trust.notRevoked(identity)), 'TRUST_REVOKED')
      assert.equal(await codeOf(() => trust.notRevoked({ ...identity, installedAt: lost })), 'TRUST_REVOKED')
      assert.equal(await codeOf(() => trust.notRevoked({ ...identity, installedAt: lost - 1 })), 'ok')
      await subject.revoke(revoked({ kind: 'key', kid }))
      assert.equal(await codeOf(() => trust.notRevoked({ ...identity, installedAt: lost - 1 })), 'TRUST_REVOKED')
      assert.equal((await trust.publishers())[0]?.keys[0]?.status, 'revoked')
    }),
  ]
}

function revoked(what: Omit<TestRevocation, 'reason' | 'effective'>): TestRevocation {
  return { reason: 'it was stolen', effective: 'always', ...what }
}

function identityOf(trust: Trust, { pem }: TestKey): PackageIdentity {
  const { kid } = trust.sign(PAYLOAD, { type: 'package', pem })
  return {
    id: 'acme.weather',
    version: '1.2.3',
    digest: 'a'.repeat(64),
    publisher: 'acme',
    kids: [kid],
    tools: ['acme.weather.today@v1'],
  }
}

function newKey(): TestKey {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  return { pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), publicKey }
}

function documentOf(trust: Trust, { publicKey }: TestKey): string {
  return trust.publisherDocument(publicKey, { id: 'acme', name: 'Acme', namespaces: ['acme', 'umbrella.tools'] })
}

/** A key of the publisher `acme`, which is trusted from here on. */
async function trusted({ trust, put }: TrustSubject): Promise<TestKey> {
  const key = newKey()
  await put(documentOf(trust, key))
  return key
}

function signed(trust: Trust, { pem }: TestKey): Buffer {
  return Buffer.from(trust.sign(PAYLOAD, { type: 'package', pem }).signature)
}
