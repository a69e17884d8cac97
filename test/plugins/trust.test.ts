import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { isClonedError, openDatabase, publicKeyOf } from 'cloned/kernel'
import { storeSlot } from 'cloned/plugins/store'
import type { PackageIdentity } from 'cloned/plugins/trust'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { parseDocument, type RevocationEntry } from '../../plugins/trust/documents.js'
import { TrustFiles } from '../../plugins/trust/files.js'
import { importKey, jwkOf } from '../../plugins/trust/jwk.js'
import { pemSigner, signDetached } from '../../plugins/trust/jws.js'
import { mustNotBeRevoked } from '../../plugins/trust/revoked.js'
import type { TrustState } from '../../plugins/trust/state.js'
import { createTrustTable } from '../../plugins/trust/table.js'
import { type Key, newKey, publisherDocument, signatureOf } from './package-fixture.js'
import { type Opened, type RegistryWorld, registryWorld, START } from './registry-fixture.js'

const DAY = 24 * 3_600_000
const iso = (at: number) => new Date(at).toISOString()

let world: RegistryWorld
let here: Opened
const key = newKey()
const second = newKey()

/** A workspace for each test, or one for all tests of a block. */
function inWorld(how: 'each' | 'all'): void {
  const [before, after] = how === 'each' ? [beforeEach, afterEach] : [beforeAll, afterAll]
  before(async () => {
    world = registryWorld()
    here = await world.open()
  })
  after(() => world.close())
}

const add = (content: string, signature?: string) =>
  here.change({ op: 'publisher.put', content, ...(signature === undefined ? {} : { signature }) })

function identity(change: Partial<PackageIdentity> = {}): PackageIdentity {
  return {
    id: 'acme.weather',
    version: '1.2.3',
    digest: 'a'.repeat(64),
    publisher: 'acme',
    kids: [key.kid],
    tools: ['acme.weather.today@v1'],
    ...change,
  }
}

/** How a question to the trust store ends. */
async function code(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => 'ok',
    (error) => (isClonedError(error) ? error.code : String(error)),
  )
}

describe('a publisher is trusted by an approved change only', () => {
  inWorld('each')

  it('the first one makes the root, in strict mode, with files that say so', async () => {
    const { end, asked } = await add(publisherDocument([key]))
    expect(end).toBe('done')
    expect(asked).toContain('makes a root of trust for this workspace')
    expect(asked).toContain(`trusts publisher acme for ids under acme: 1 of ${key.kid} (package, active)`)
    expect((await here.trust.standing()).mode).toBe('strict')
    expect(readdirSync(world.path('trust')).sort()).toEqual([
      'publishers',
      'revocations.json',
      'revocations.json.sig',
      'root.json',
      'root.json.sig',
    ])
    expect(await here.trust.publishers()).toMatchObject([{ id: 'acme', threshold: 1, keys: [{ status: 'active' }] }])
  })

  it('nothing counts before there is a root', async () => {
    expect(await code(here.trust.standing())).toBe('TRUST_ROOT_MISSING')
    expect(await code(here.trust.verify(Buffer.from('x'), Buffer.from('{}'), { type: 'package', at: 'install' }))).toBe(
      'TRUST_ROOT_MISSING',
    )
  })

  it('a key belongs to one publisher', async () => {
    await add(publisherDocument([key]))
    const { end, outcome } = await add(publisherDocument([key], { publisher_id: 'evil', namespaces: ['evil'] }))
    expect([end, JSON.stringify(outcome)]).toEqual(['TRUST_REFUSED', expect.stringContaining('is one of acme')])
  })

  it('versions only rise, removal included', async () => {
    await add(publisherDocument([key], { version: 3 }))
    expect((await add(publisherDocument([key, second], { version: 3 }))).end).toBe('TRUST_REFUSED')
    const wider = await add(publisherDocument([key, second], { version: 4, namespaces: ['acme', 'umbrella'] }))
    expect(wider.asked).toContain(`adds key ${second.kid}; adds namespace umbrella`)
    expect((await here.change({ op: 'publisher.remove', id: 'acme' })).end).toBe('done')
    expect((await add(publisherDocument([key], { version: 4 }))).end).toBe('TRUST_REFUSED')
    expect((await add(publisherDocument([key], { version: 6 }))).end).toBe('done')
  })

  it('an id lies in a namespace by whole words', async () => {
    await add(publisherDocument([key], { namespaces: ['acme', 'umbrella.tools'] }))
    const cases = {
      'acme.x': 'ok',
      acme: 'ok',
      'acme-x.y': 'PUBLISHER_NAMESPACE',
      acmex: 'PUBLISHER_NAMESPACE',
      'umbrella.tools.a': 'ok',
      'umbrella.other': 'PUBLISHER_NAMESPACE',
    }
    for (const [id, expected] of Object.entries(cases)) {
      expect([id, await code(here.trust.inNamespace('acme', id))]).toEqual([id, expected])
    }
    expect(await code(here.trust.inNamespace('nobody', 'nobody.x'))).toBe('PUBLISHER_UNKNOWN')
  })
})

describe('a document that is none', () => {
  inWorld('all')

  const named = (change: (key: Key) => object) => (k: Key) => ({
    kid: k.kid,
    jwk: jwkOf(k.publicKey),
    use: 'package',
    status: 'active',
    ...change(k),
  })
  it.each<[string, () => string]>([
    [
      'a kid that is not the thumbprint',
      () => publisherDocument([], { keys: [named(() => ({ kid: second.kid }))(key)] as never }),
    ],
    ['one key twice', () => publisherDocument([key, key])],
    ['a threshold that its keys cannot meet', () => publisherDocument([key], { threshold: 2 })],
    [
      'a threshold met only with catalog keys',
      () =>
        publisherDocument([], {
          threshold: 2,
          keys: [named(() => ({}))(key), named(() => ({ use: 'catalog' }))(second)] as never,
        }),
    ],
    ['no keys', () => publisherDocument([])],
    ['no namespace', () => publisherDocument([key], { namespaces: [] })],
    ['an unknown member', () => publisherDocument([key], { verified: true })],
    [
      'a private key',
      () =>
        publisherDocument([], {
          keys: [{ ...named(() => ({}))(key), jwk: { ...jwkOf(key.publicKey), d: 'x' } }] as never,
        }),
    ],
    ['no JSON', () => '-----BEGIN PUBLIC KEY-----'],
  ])('refuses %s, and asks nobody about it', async (_, document) => {
    const { outcome, end } = await add(document())
    expect([outcome.status, ['TRUST_REFUSED', 'KEY_UNSOUND'].includes(end)]).toEqual(['denied', true])
    expect(await here.trust.publishers()).toEqual([])
  })
})

describe('weak keys are refused by name', () => {
  const P = 2n ** 255n - 19n
  const ORDER_8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022n
  const encoded = (y: bigint, sign = 0n) =>
    Buffer.from((y | (sign << 255n)).toString(16).padStart(64, '0'), 'hex').reverse()
  const small = [0n, 1n, P - 1n, ORDER_8, P - ORDER_8].flatMap((y) => [encoded(y), encoded(y, 1n)])
  const nonCanonical = [P, P + 1n, P + 2n, 2n ** 255n - 1n].flatMap((y) => [encoded(y), encoded(y, 1n)])

  it.each([...small, ...nonCanonical].map((raw) => [raw.toString('hex')]))('%s', (hex) => {
    const x = Buffer.from(hex, 'hex').toString('base64url')
    const jwk = { crv: 'Ed25519', kty: 'OKP', x } as const
    // By its right name (RFC 7638), so that nothing else is wrong with it.
    const kid = createHash('sha256').update(JSON.stringify(jwk)).digest('base64url')
    expect(() => importKey(kid, jwk)).toThrow(expect.objectContaining({ code: 'KEY_UNSOUND' }))
  })

  it('a sound key comes back as it was', () => {
    expect(
      importKey(key.kid, jwkOf(key.publicKey)).equals(publicKeyOf(Buffer.from(jwkOf(key.publicKey).x, 'base64url'))),
    ).toBe(true)
  })
})

describe('signatures count by publisher, threshold and time', () => {
  inWorld('each')
  const payload = Buffer.from('{}\n')
  const verify = (keys: readonly Key[], at: 'install' | 'load' = 'install') =>
    here.trust.verify(payload, Buffer.from(signatureOf(payload, ...keys)), { type: 'package', at })

  it('as many different keys as the threshold says, of one publisher', async () => {
    await add(publisherDocument([key, second], { threshold: 2 }))
    const other = newKey()
    await add(publisherDocument([other], { publisher_id: 'other', namespaces: ['other'] }))
    expect(await code(verify([key]))).toBe('SIGNATURE_INVALID')
    expect((await verify([key, other])).publishers).toEqual(['other'])
    expect(await verify([key, second])).toMatchObject({ publishers: ['acme'], root: false })
    expect(await code(verify([newKey()]))).toBe('SIGNATURE_INVALID')
  })

  it('keys that are retired or past their time count for what is installed, and for nothing new', async () => {
    const jwk = (k: Key, more: object) => ({
      kid: k.kid,
      jwk: jwkOf(k.publicKey),
      use: 'package',
      status: 'active',
      ...more,
    })
    const [retired, early, late] = [newKey(), newKey(), newKey()]
    const keys = [
      jwk(key, {}),
      jwk(retired, { status: 'retired' }),
      jwk(early, { not_before: iso(START + DAY) }),
      jwk(late, { not_after: iso(START) }),
    ]
    await add(publisherDocument([], { keys: keys as never }))
    for (const one of [retired, early, late]) {
      expect(await code(verify([one]))).toBe('SIGNATURE_INVALID')
      expect(await code(verify([one], 'load'))).toBe('ok')
    }
    world.now = START + DAY
    expect(await code(verify([early]))).toBe('ok')
  })

  it('a key for catalogs signs no package, and the other way round', async () => {
    const keys = [key, second].map((k, i) => ({
      kid: k.kid,
      jwk: jwkOf(k.publicKey),
      use: i ? 'catalog' : 'package',
      status: 'active',
    }))
    await add(publisherDocument([], { keys: keys as never }))
    expect(await code(verify([second]))).toBe('SIGNATURE_INVALID')
    const catalog = (one: Key) => signDetached(payload, 'catalog', pemSigner(one.pem))
    const check = (one: Key) =>
      here.trust.verify(payload, Buffer.from(catalog(one)), { type: 'catalog', at: 'install' })
    expect(await code(check(key))).toBe('SIGNATURE_INVALID')
    expect(await code(check(second))).toBe('ok')
  })

  it.each([
    ['a catalog key', { kind: 'key', kid: second.kid }],
    ['its publisher', { kind: 'publisher', publisher_id: 'acme' }],
  ] as const)('no index of a catalog counts once %s was revoked', async (_, what) => {
    const [own = {}, catalogs = {}] = JSON.parse(publisherDocument([key, second])).keys
    await add(publisherDocument([], { keys: [own, { ...catalogs, use: 'catalog' }] }))
    const signature = Buffer.from(signDetached(payload, 'catalog', pemSigner(second.pem)))
    const check = () => here.trust.verify(payload, signature, { type: 'catalog', at: 'install' })
    expect(await code(check())).toBe('ok')
    await here.change({ op: 'revoke', entry: { ...what, reason: 'r', effective: 'always' } })
    expect(await code(check())).toBe('SIGNATURE_INVALID')
  })
})

describe('what was revoked counts no more', () => {
  const publisher = parseDocument('publisher', publisherDocument([key, second]), 'acme')
  const owned = (k: Key) => [k.kid, { publisher: 'acme', key: k.publicKey }] as const
  const known = { publishers: new Map([['acme', publisher]]), keys: new Map([key, second].map(owned)) }
  const since = { effective: 'after', compromised_at: iso(START) } as const
  it.each<[string, { readonly entry: Omit<RevocationEntry, 'revoked_at'> }, Partial<PackageIdentity>, string]>([
    [
      'a publisher',
      { entry: { kind: 'publisher', publisher_id: 'acme', reason: 'r', effective: 'always' } },
      {},
      'TRUST_REVOKED',
    ],
    [
      'another publisher',
      { entry: { kind: 'publisher', publisher_id: 'other', reason: 'r', effective: 'always' } },
      {},
      'ok',
    ],
    ['a key', { entry: { kind: 'key', kid: key.kid, reason: 'r', effective: 'always' } }, {}, 'TRUST_REVOKED'],
    [
      'one of two keys of which one has to sign',
      { entry: { kind: 'key', kid: second.kid, reason: 'r', effective: 'always' } },
      { kids: [key.kid, second.kid] },
      'ok',
    ],
    [
      'a version in the range',
      {
        entry: { kind: 'package', id: 'acme.weather', range: '<1.2.4', reason: 'r', effective: 'always' },
      },
      {},
      'TRUST_REVOKED',
    ],
    [
      'a prerelease in the range',
      {
        entry: { kind: 'package', id: 'acme.weather', range: '<1.3.0', reason: 'r', effective: 'always' },
      },
      { version: '1.3.0-rc.1' },
      'TRUST_REVOKED',
    ],
    [
      'a version outside of the range',
      {
        entry: { kind: 'package', id: 'acme.weather', range: '>=1.2.4', reason: 'r', effective: 'always' },
      },
      {},
      'ok',
    ],
    [
      'every version',
      { entry: { kind: 'package', id: 'acme.weather', reason: 'r', effective: 'always' } },
      {},
      'TRUST_REVOKED',
    ],
    [
      'a range that cannot be read',
      {
        entry: { kind: 'package', id: 'acme.weather', range: 'new ones', reason: 'r', effective: 'always' },
      },
      {},
      'TRUST_REVOKED',
    ],
    [
      'a digest',
      { entry: { kind: 'digest', digest: 'a'.repeat(64), reason: 'r', effective: 'always' } },
      {},
      'TRUST_REVOKED',
    ],
    [
      'a tool',
      { entry: { kind: 'tool', id: 'acme.weather.today@v1', reason: 'r', effective: 'always' } },
      {},
      'TRUST_REVOKED',
    ],
    [
      'something installed before the compromise',
      { entry: { kind: 'publisher', publisher_id: 'acme', reason: 'r', ...since } },
      { installedAt: START - 1 },
      'ok',
    ],
    [
      'something installed at the compromise',
      { entry: { kind: 'publisher', publisher_id: 'acme', reason: 'r', ...since } },
      { installedAt: START },
      'TRUST_REVOKED',
    ],
    [
      'something that is about to be installed',
      { entry: { kind: 'key', kid: key.kid, reason: 'r', ...since } },
      {},
      'TRUST_REVOKED',
    ],
    [
      'an older installation by its key',
      { entry: { kind: 'key', kid: key.kid, reason: 'r', ...since } },
      { installedAt: START - 1 },
      'ok',
    ],
  ])('%s', (_, { entry }, about, expected) => {
    const ask = (entries: readonly RevocationEntry[]) => {
      const state = {
        revocations: { entries },
        publishers: known.publishers,
        keys: known.keys,
      } as unknown as TrustState
      try {
        mustNotBeRevoked(state, identity(about))
        return 'ok'
      } catch (error) {
        return isClonedError(error) ? error.code : String(error)
      }
    }
    expect(ask([])).toBe('ok')
    expect(ask([{ ...entry, revoked_at: iso(START) }])).toBe(expected)
  })
})

describe('a revocation that says nothing', () => {
  inWorld('all')
  beforeAll(async () => {
    await add(publisherDocument([key]))
  })

  it.each([
    ['a key without a kid', { kind: 'key' }],
    ['a package without an id', { kind: 'package' }],
    ['after without a time', { kind: 'publisher', publisher_id: 'acme', effective: 'after' }],
    [
      'a time that is none',
      { kind: 'publisher', publisher_id: 'acme', effective: 'after', compromised_at: 'yesterday' },
    ],
  ])('is refused: %s', async (_, entry) => {
    const { outcome } = await here.change({
      op: 'revoke',
      entry: { reason: 'r', effective: 'always', ...entry } as never,
    })
    expect(outcome.status).toBe('denied')
  })
})

describe('revocations are fresh, whole and the newest', () => {
  inWorld('each')
  beforeEach(async () => {
    await add(publisherDocument([key]))
  })
  const ask = (opened: Opened = here) => code(opened.trust.notRevoked(identity()))
  const revoke = () =>
    here.change({ op: 'revoke', entry: { kind: 'publisher', publisher_id: 'acme', reason: 'r', effective: 'always' } })

  it('strict mode refuses expired ones, dev mode goes on, and both take renewed ones', async () => {
    world.now = START + 365 * DAY - 1
    expect(await ask()).toBe('ok')
    world.now = START + 365 * DAY
    expect(await ask()).toBe('TRUST_STALE')
    expect((await here.change({ op: 'root.mode', mode: 'dev' })).asked).toContain('sets the trust mode to dev')
    expect(await ask()).toBe('ok')
    await here.change({ op: 'root.mode', mode: 'strict' })
    expect(await ask()).toBe('TRUST_STALE')
    expect((await here.change({ op: 'revocations.renew' })).end).toBe('done')
    expect(await ask()).toBe('ok')
  })

  it('a store put back from before is noticed by the log', async () => {
    await here.stop()
    const database = world.path('state.db')
    const files = readdirSync(world.path()).filter((name) => name.startsWith('state.db'))
    for (const name of files) copyFileSync(world.path(name), join(world.root, name))
    here = await world.open()
    await revoke()
    await here.stop()
    for (const name of readdirSync(world.path()).filter((each) => each.startsWith('state.db'))) rmSync(world.path(name))
    for (const name of files) copyFileSync(join(world.root, name), world.path(name))
    expect(database).toContain('state.db')
    here = await world.open()
    expect(await ask()).toBe('TRUST_ROLLED_BACK')
  })

  it.each([
    [
      'a text that was edited',
      "update trust_documents set content = replace(content, '\"acme\"', '\"acne\"') where name like 'publishers/%'",
    ],
    ['a publisher that was taken out', "delete from trust_documents where name like 'publishers/%'"],
  ])('a row is noticed: %s', async (_, sql) => {
    await here.stop()
    const database = openDatabase(world.path('state.db'))
    database.exec(sql)
    database.close()
    here = await world.open()
    expect(await ask()).toBe('TRUST_ROLLED_BACK')
  })

  it('a row whose digest was edited too is noticed by the log or by its signature', async () => {
    const evil = publisherDocument([newKey()], { version: 7 })
    const { sha256 } = await import('cloned/kernel')
    await here.stop()
    const database = openDatabase(world.path('state.db'))
    database
      .prepare("update trust_documents set content = ?, digest = ?, version = 7 where name like 'publishers/%'")
      .run(evil, sha256(evil))
    database.close()
    here = await world.open()
    expect(await ask()).toBe('SIGNATURE_INVALID')
  })
})

describe.each([
  ['strict', 'TRUST_DRIFT'],
  ['dev', 'TRUST_REVOKED'],
] as const)('in %s mode nothing is un-revoked by a list', (mode, expected) => {
  inWorld('all')
  let before = ''
  beforeAll(async () => {
    await add(publisherDocument([key]))
    await here.change({ op: 'root.mode', mode })
    before = readFileSync(file('revocations.json'), 'utf8')
    await here.change({
      op: 'revoke',
      entry: { kind: 'publisher', publisher_id: 'acme', reason: 'r', effective: 'always' },
    })
  })
  const file = (name: string) => world.path('trust', name)
  it.each<[string, () => void]>([
    ['deleted', () => rmSync(file('revocations.json'), { force: true })],
    ['without its signature', () => rmSync(file('revocations.json.sig'), { force: true })],
    [
      'edited',
      () =>
        writeFileSync(
          file('revocations.json'),
          readFileSync(file('revocations.json'), 'utf8').replace('publisher', 'digest'),
        ),
    ],
    [
      'a link',
      () => {
        copyFileSync(file('revocations.json'), world.path('copy'))
        unlinkSync(file('revocations.json'))
        symlinkSync(world.path('copy'), file('revocations.json'))
      },
    ],
    ['open to others', () => chmodSync(file('revocations.json'), 0o644)],
    ['put back from before', () => writeFileSync(file('revocations.json'), before)],
    ['gone with the whole directory', () => rmSync(world.path('trust'), { recursive: true })],
    [
      'beside a publisher that nobody approved',
      () => writeFileSync(file('publishers/evil.json'), publisherDocument([newKey()], { publisher_id: 'evil' })),
    ],
  ])('that is %s', async (_, touch) => {
    const kept = world.path('kept')
    cpSync(world.path('trust'), kept, { recursive: true })
    touch()
    expect(await code(here.trust.notRevoked(identity()))).toBe(expected)
    rmSync(world.path('trust'), { recursive: true, force: true })
    renameSync(kept, world.path('trust'))
    expect(await code(here.trust.notRevoked(identity()))).toBe('TRUST_REVOKED')
    expect((await here.trust.publishers()).map(({ id }) => id)).toEqual(['acme'])
  })
})

describe('a link in the place of the publishers', () => {
  inWorld('each')

  it('is what is not as approved, and what restoring removes: nothing that it leads to', async () => {
    await add(publisherDocument([key]))
    const [publishers, elsewhere] = [world.path('trust', 'publishers'), world.path('elsewhere')]
    renameSync(publishers, elsewhere)
    writeFileSync(join(elsewhere, 'thesis.txt'), 'years of work')
    symlinkSync(elsewhere, publishers)
    expect(await code(here.trust.standing())).toBe('TRUST_DRIFT')
    const documents = await createTrustTable(here.kernel.service(storeSlot)).read()
    new TrustFiles(world.path('trust')).restore(documents)
    expect(readdirSync(elsewhere).sort()).toEqual(['acme.json', 'acme.json.sig', 'thesis.txt'])
    expect(readdirSync(publishers).sort()).toEqual(['acme.json', 'acme.json.sig'])
    expect(await code(here.trust.standing())).toBe('ok')
  })
})

describe('the root of trust', () => {
  inWorld('each')
  beforeEach(async () => {
    await add(publisherDocument([key]))
  })
  const root = (keys: readonly Key[], change: object = {}) =>
    `${JSON.stringify(
      {
        schema: 'cloned.trust-root/v1',
        version: 2,
        mode: 'strict',
        threshold: 2,
        keys: keys.map(({ kid, publicKey }) => ({ kid, jwk: jwkOf(publicKey) })),
        issued_at: iso(START),
        ...change,
      },
      null,
      2,
    )}\n`
  const signedBy = (content: string, type: 'root' | 'revocations' | 'publisher', ...keys: readonly Key[]) =>
    keys.reduce<string>(
      (text, { pem }) =>
        signDetached(Buffer.from(content), type, pemSigner(pem), text === '' ? undefined : Buffer.from(text)),
      '',
    )

  it('gets a new key without losing a publisher, and its old key signs no more', async () => {
    const before = (await here.trust.standing()).digest
    const { end, asked } = await here.change({ op: 'root.rotate' })
    expect([end, asked]).toEqual(['done', expect.stringContaining('new key')])
    expect((await here.trust.standing()).digest).not.toBe(before)
    expect(await here.trust.publishers()).toMatchObject([{ id: 'acme', version: 2 }])
    expect(await code(here.trust.notRevoked(identity()))).toBe('ok')
    await here.stop()
    here = await world.open()
    expect(
      (await here.change({ op: 'revoke', entry: { kind: 'key', kid: key.kid, reason: 'r', effective: 'always' } })).end,
    ).toBe('done')
    expect(await code(here.trust.notRevoked(identity()))).toBe('TRUST_REVOKED')
  })

  it('is replaced only by one that the present root has signed', async () => {
    const keys = [newKey(), newKey()]
    const content = root(keys)
    expect(
      (await here.change({ op: 'root.put', content, signature: signedBy(content, 'root', ...keys) })).outcome.status,
    ).not.toBe('done')
    expect((await here.trust.standing()).mode).toBe('strict')
  })

  it("an organisation's root needs its own threshold, and then its signature on everything", async () => {
    await world.close()
    world = registryWorld()
    here = await world.open()
    const keys = [newKey(), newKey(), newKey()]
    const [one, two] = keys as [Key, Key, Key]
    const content = root(keys, { version: 1 })
    expect(
      (await here.change({ op: 'root.put', content, signature: signedBy(content, 'root', one) })).outcome.status,
    ).toBe('denied')
    const { end, asked } = await here.change({
      op: 'root.put',
      content,
      signature: signedBy(content, 'root', one, two),
    })
    expect([end, asked]).toEqual(['done', expect.stringContaining(`2 of ${one.kid}`)])

    const document = publisherDocument([key])
    expect((await add(document)).end).toBe('TRUST_REFUSED')
    expect((await add(document, signedBy(document, 'publisher', one))).end).toBe('TRUST_REFUSED')
    expect((await add(document, signedBy(document, 'root', one, two))).end).toBe('SIGNATURE_INVALID')
    expect((await add(document, signedBy(document, 'publisher', one, two))).end).toBe('done')
    expect(await code(here.trust.notRevoked(identity()))).toBe('TRUST_STALE')

    const list = (version: number, expires: number) =>
      `${JSON.stringify({ schema: 'cloned.trust-revocations/v1', version, issued_at: iso(START - DAY), expires: iso(expires), entries: [] }, null, 2)}\n`
    const put = (text: string, ...signers: readonly Key[]) =>
      here.change({ op: 'revocations.put', content: text, signature: signedBy(text, 'revocations', ...signers) })
    expect((await put(list(5, START + DAY), one)).end).toBe('TRUST_REFUSED')
    expect((await put(list(5, START - 1), one, two)).end).toBe('TRUST_REFUSED')
    expect((await put(list(5, START + DAY), one, two)).end).toBe('done')
    expect((await put(list(5, START + 2 * DAY), one, two)).end).toBe('TRUST_REFUSED')
    expect(await code(here.trust.notRevoked(identity()))).toBe('ok')
    expect((await here.change({ op: 'root.rotate' })).end).toBe('TRUST_REFUSED')

    const next = root([one, newKey(), newKey()], { version: 2 })
    expect(
      (await here.change({ op: 'root.put', content: next, signature: signedBy(next, 'root', one) })).outcome.status,
    ).toBe('denied')
  })
})

describe('another process', () => {
  inWorld('all')

  it('takes up a revocation with its next question', async () => {
    await add(publisherDocument([key]))
    const other = await world.open()
    expect(await code(other.trust.notRevoked(identity()))).toBe('ok')
    await here.change({
      op: 'revoke',
      entry: { kind: 'publisher', publisher_id: 'acme', reason: 'r', effective: 'always' },
    })
    expect(await code(other.trust.notRevoked(identity()))).toBe('TRUST_REVOKED')
  })
})
