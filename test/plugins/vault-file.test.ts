import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { compileSchema, readSchema } from 'cloned/kernel'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sealVersion, unsealVersion, versionKey } from '../../plugins/vault-file/crypto.js'
import type { Keychain } from '../../plugins/vault-file/slots/slot-type.js'
import { type FileWorld, fileWorld, SCOPE, USE } from './vault-file-fixture.js'

let world: FileWorld
beforeEach(() => {
  world = fileWorld()
})
afterEach(() => world.close())

const VALUE = 'the-value-1234567'
const read = () => JSON.parse(readFileSync(world.file, 'utf8'))

describe('the vault file', () => {
  it('is as its published schema says, after every kind of write', async () => {
    const validate = compileSchema(readSchema('vault'))
    const provider = world.open()
    await world.put(provider, 'a', VALUE)
    expect(validate(read())).toEqual([])
    await provider.put?.('a', Buffer.from('another-1234567'), undefined, world.record)
    await provider.keySlots?.add('scrypt', { secret: Buffer.from('a long passphrase') }, world.record)
    await provider.disable?.('a', world.record)
    expect(validate(read())).toEqual([])
    await provider.remove?.('a', world.record)
    expect(validate(read())).toEqual([])
    expect(read()).toMatchObject({ generation: 5, secrets: {} })
  })

  it('has another salt, another nonce and another ciphertext for every version of the same value', async () => {
    const provider = world.open()
    const seen = new Set<string>()
    for (const name of ['a', 'a', 'b']) {
      await world.put(provider, name, VALUE)
      const { current, versions } = read().secrets[name]
      for (const part of ['salt', 'iv', 'ct', 'tag']) seen.add(versions[current][part])
    }
    expect(seen.size).toBe(12)
  })

  it('keeps one version before the current one and no more', async () => {
    const provider = world.open()
    for (const value of ['first-value-1', 'second-value-2', 'third-value-3']) await world.put(provider, 'a', value)
    const { current, versions } = read().secrets['a']
    expect([current, Object.keys(versions), versions['2'].state]).toEqual([3, ['2', '3'], 'previous'])
  })

  it('keeps one copy from before the last write, which opens when it is accepted', async () => {
    const provider = world.open()
    await world.put(provider, 'a', VALUE)
    const first = readFileSync(world.file, 'utf8')
    await world.put(provider, 'b', VALUE)
    expect(readFileSync(`${world.file}.prev`, 'utf8')).toBe(first)
    expect(readdirSync(world.directory).sort()).toEqual(['lock', 'vault.json', 'vault.json.prev'])
  })

  it('answers metadata and never a value', async () => {
    const provider = world.open()
    await world.put(provider, 'a', VALUE)
    const shown = JSON.stringify([await provider.list?.(), await provider.info?.('a'), await provider.health()])
    expect(shown).toContain('"scope"')
    expect(shown).not.toContain(VALUE)
  })

  it('resolves another buffer each time, so that one can be wiped', async () => {
    const provider = world.open()
    await world.put(provider, 'a', VALUE)
    const first = await provider.resolve('a', USE)
    first?.value.fill(0)
    expect((await provider.resolve('a', USE))?.value.toString()).toBe(VALUE)
  })
})

describe('several writers at once', () => {
  it('lose no write and count each one', async () => {
    const writers = Array.from({ length: 4 }, () => world.open())
    await Promise.all(
      Array.from({ length: 24 }, (_, i) => {
        const provider = writers[i % writers.length]
        return provider && world.put(provider, `name-${i}`, `value-number-${i}`)
      }),
    )
    expect(read().generation).toBe(24)
    expect(world.last?.record['generation']).toBe(24)
    for (let i = 0; i < 24; i++) expect(await world.value(`name-${i}`)).toBe(`value-number-${i}`)
  })

  it('record in the order in which they write', async () => {
    const order: unknown[] = []
    const record = async (written: { generation?: number }) => {
      // A record that takes long must hold up the next write, or an older generation would be recorded last.
      await new Promise((resolve) => setImmediate(resolve))
      order.push(written.generation)
      await world.record(written as never)
    }
    await Promise.all(
      Array.from({ length: 6 }, (_, i) =>
        world.open().put?.(`name-${i}`, Buffer.from(`value-${i}-1234`), SCOPE, record),
      ),
    )
    expect(order).toEqual([1, 2, 3, 4, 5, 6])
  })
})

describe('a writer that dies', () => {
  it('between the file and its record leaves a vault that opens and goes on', async () => {
    const provider = world.open()
    await world.put(provider, 'a', VALUE)
    const dying = provider.put?.('b', Buffer.from(VALUE), SCOPE, async () => {
      throw new Error('the log is full')
    })
    await expect(dying).rejects.toThrow('the log is full')
    expect(await world.value('b')).toBe(VALUE)
    await world.put(world.open(), 'c', VALUE)
    expect(world.last?.record['generation']).toBe(3)
  })

  it('before its file is complete leaves the vault as it was', async () => {
    await world.put(world.open(), 'a', VALUE)
    const before = readFileSync(world.file, 'utf8')
    writeFileSync(`${world.directory}/.0123456789abcdef.tmp`, before.slice(0, 100), { mode: 0o600 })
    expect(await world.value('a')).toBe(VALUE)
  })
})

describe('key slots', () => {
  const passphrase = (text: string) => ({ passphrase: () => Buffer.from(text) })

  it.each([['scrypt'], ['argon2id']])('%s opens with the passphrase, and with no other', async (type) => {
    const provider = world.open()
    await world.put(provider, 'a', VALUE)
    const ciphertext = read().secrets
    await provider.keySlots?.add(type, { secret: Buffer.from('correct horse battery') }, world.record)
    expect(read().secrets).toEqual(ciphertext)
    const keyfile = read().slots[0].id
    const other = world.open(passphrase('correct horse battery'))
    await other.keySlots?.remove(keyfile, world.record)
    expect(await world.value('a', passphrase('correct horse battery'))).toBe(VALUE)
    for (const tools of [passphrase('correct horse batterz'), {}]) {
      const error = await world.value('a', tools).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'VAULT_LOCKED' })
      expect(String(error)).not.toContain('horse')
    }
  })

  it('age opens with the identity, and with no other', async () => {
    const { generateIdentity, identityToRecipient } = await import('age-encryption')
    const [identity, stranger] = [await generateIdentity(), await generateIdentity()]
    const provider = world.open()
    await world.put(provider, 'a', VALUE)
    await provider.keySlots?.add('age', { recipient: await identityToRecipient(identity) }, world.record)
    const tools = { identity: () => identity }
    await world.open(tools).keySlots?.remove(read().slots[0].id, world.record)
    expect(await world.value('a', tools)).toBe(VALUE)
    await expect(world.value('a', { identity: () => stranger })).rejects.toMatchObject({ code: 'VAULT_LOCKED' })
    await expect(world.value('a')).rejects.toMatchObject({ code: 'VAULT_LOCKED' })
  })

  it('keychain opens with what the keychain keeps, and is not made when it keeps nothing (a stand-in keychain)', async () => {
    const kept = new Map<string, Uint8Array>()
    const keychain = (keeps: boolean) => async (): Promise<Keychain> => ({
      AsyncEntry: class {
        readonly #id: string
        constructor(service: string, username: string, options?: object) {
          expect(options).toEqual({ linux: { store: 'secret-service' } })
          this.#id = `${service} ${username}`
        }
        async setSecret(secret: Uint8Array) {
          if (keeps) kept.set(this.#id, Uint8Array.from(secret))
        }
        async getSecret() {
          return Array.from(kept.get(this.#id) ?? []).length > 0 ? Array.from(kept.get(this.#id) ?? []) : null
        }
        async deleteCredential() {
          return kept.delete(this.#id)
        }
      },
    })
    const provider = world.open({ keychain: keychain(true) })
    await world.put(provider, 'a', VALUE)
    await expect(
      world.open({ keychain: keychain(false) }).keySlots?.add('keychain', {}, world.record),
    ).rejects.toThrow()
    await provider.keySlots?.add('keychain', {}, world.record)
    await provider.keySlots?.remove(read().slots[0].id, world.record)
    expect(await world.value('a', { keychain: keychain(true) })).toBe(VALUE)
    await expect(world.value('a')).rejects.toMatchObject({ code: 'VAULT_LOCKED' })
  })

  it.each([
    ['the last one', async () => read().slots[0].id],
    ['one that is not there', async () => '0'.repeat(16)],
  ])('refuse to remove %s', async (_, id) => {
    const provider = world.open()
    await world.put(provider, 'a', VALUE)
    const before = readFileSync(world.file, 'utf8')
    await expect(provider.keySlots?.remove(await id(), world.record)).rejects.toMatchObject({ code: 'VAULT_SLOT' })
    expect(readFileSync(world.file, 'utf8')).toBe(before)
  })

  it('refuse to remove the last one that opens here', async () => {
    const provider = world.open()
    await world.put(provider, 'a', VALUE)
    await provider.keySlots?.add('scrypt', { secret: Buffer.from('a long passphrase') }, world.record)
    const removing = provider.keySlots?.remove(read().slots[0].id, world.record)
    await expect(removing).rejects.toMatchObject({ code: 'VAULT_SLOT' })
  })

  it.each([
    ['a short passphrase', 'scrypt', { secret: Buffer.from('short') }],
    ['no passphrase', 'argon2id', {}],
    ['no recipient', 'age', { recipient: 'age1nonsense' }],
    ['a type that is none', 'rot13', {}],
  ])('refuse %s', async (_, type, about) => {
    const provider = world.open()
    await world.put(provider, 'a', VALUE)
    const adding = provider.keySlots?.add(type, about, world.record)
    await expect(adding).rejects.toMatchObject({ code: 'VAULT_SLOT' })
  })
})

it('an export is one age file that only its recipient reads, with every value and scope', async () => {
  const { armor, Decrypter, generateIdentity, identityToRecipient } = await import('age-encryption')
  const identity = await generateIdentity()
  const provider = world.open()
  await world.put(provider, 'a', VALUE)
  await world.put(provider, 'b', 'line\nbreak-$&')
  await provider.disable?.('b', world.record)
  const text = (await provider.export?.(await identityToRecipient(identity))) ?? ''
  expect(text).toMatch(/^-----BEGIN AGE ENCRYPTED FILE-----\n/)
  const decrypter = new Decrypter()
  decrypter.addIdentity(identity)
  const plain = JSON.parse(await decrypter.decrypt(armor.decode(text), 'text'))
  expect(plain.secrets.a).toMatchObject({ version: '1', state: 'current', ...SCOPE })
  expect(Buffer.from(plain.secrets.a.value_base64, 'base64').toString()).toBe(VALUE)
  expect(plain.secrets.b).not.toHaveProperty('value_base64')
})

describe('a version opens only as what it was sealed as, whatever the tag of the file says', () => {
  const dek = randomBytes(32)
  const meta = {
    allowed_hosts: ['a.example'],
    allowed_tools: ['t'],
    allowed_slots: ['header:a'],
    created_at: 1,
    rotated_at: 1,
  }
  const of = { vaultId: '0'.repeat(16), name: 'a', version: 1, meta }
  const stored = { ...sealVersion(dek, of, Buffer.from(VALUE)), created_at: 1, state: 'current' } as const

  it('itself', () => expect(unsealVersion(dek, of, stored).toString()).toBe(VALUE))
  it.each([
    ['another name', { ...of, name: 'b' }],
    ['another version', { ...of, version: 2 }],
    ['another vault', { ...of, vaultId: '1'.repeat(16) }],
    ['another host', { ...of, meta: { ...meta, allowed_hosts: ['evil.com'] } }],
    ['an end', { ...of, meta: { ...meta, expires_at: 9 } }],
  ])('not under %s', (_, other) => expect(() => unsealVersion(dek, other, stored)).toThrow())

  it.each([
    ['name', { ...of, name: 'b' }],
    ['version', { ...of, version: 2 }],
  ])('each %s has a key of its own', (_, other) => {
    expect(versionKey(dek, other, Buffer.alloc(32))).not.toEqual(versionKey(dek, of, Buffer.alloc(32)))
  })
})
