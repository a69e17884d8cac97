// The key slots that open with a passphrase, by scrypt or by argon2id; the costs stand in the slot, within limits.
import { randomBytes, scrypt } from 'node:crypto'
import { promisify } from 'node:util'
import { ClonedError, type JsonObject } from 'cloned/kernel'
import { unwrapUnder, wrapUnder } from './kek.js'
import type { SlotType } from './slot-type.js'

type Derive = (passphrase: Buffer, params: JsonObject) => Promise<Buffer>

const MIN_BYTES = 12
const run = promisify<Buffer, Buffer, number, { N: number; r: number; p: number; maxmem: number }, Buffer>(scrypt)

const byScrypt: Derive = (passphrase, { salt, log2_n, r, p }) => {
  const N = 2 ** Number(log2_n)
  // Node refuses more than 32 MiB unless it is told: 128 · N · r bytes are needed, and a little.
  const maxmem = 128 * N * Number(r) + 1024 * 1024
  return run(passphrase, Buffer.from(String(salt), 'base64'), 32, { N, r: Number(r), p: Number(p), maxmem })
}

const byArgon2id: Derive = async (passphrase, { salt, memory_kib, iterations, p }) => {
  const { argon2id } = await import('hash-wasm')
  const hash = await argon2id({
    password: passphrase,
    salt: Buffer.from(String(salt), 'base64'),
    parallelism: Number(p),
    iterations: Number(iterations),
    memorySize: Number(memory_kib),
    hashLength: 32,
    outputType: 'binary',
  })
  return Buffer.from(hash)
}

export const scryptSlot = passphraseSlot('scrypt', byScrypt, { log2_n: 17, r: 8, p: 1 })
export const argon2idSlot = passphraseSlot('argon2id', byArgon2id, { memory_kib: 65_536, iterations: 3, p: 4 })

function passphraseSlot(type: 'scrypt' | 'argon2id', derive: Derive, costs: JsonObject): SlotType {
  return {
    type,
    secret: true,
    async wrap(dek, { id, secret }, { vaultId }) {
      if (!secret || secret.length < MIN_BYTES) {
        throw new ClonedError('VAULT_SLOT', { problem: `a passphrase needs at least ${MIN_BYTES} bytes` })
      }
      const params = { ...costs, salt: randomBytes(16).toString('base64') }
      return wrapUnder(await derive(secret, params), { vaultId, id, type, params }, dek)
    },
    async unwrap(slot, { vaultId, passphrase }) {
      const given = passphrase()
      if (!given) throw new Error('no passphrase was given')
      const kek = await derive(given, slot.params)
      try {
        return unwrapUnder(kek, vaultId, slot)
      } catch {
        // OpenSSL's own text says nothing that a person could use.
        throw new Error('the passphrase is another one')
      }
    },
    detail: ({ log2_n, memory_kib }) =>
      type === 'scrypt' ? `passphrase, N = 2^${log2_n}` : `passphrase, ${Number(memory_kib) / 1024} MiB`,
  }
}
