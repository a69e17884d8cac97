// Keeps the value of a write that waits for approval, encrypted; must never leave one in clear, nor open it for another write.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { readdirSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ClonedError, canonical, privateDirectory, readPrivateFile, writeFileAtomic } from 'cloned/kernel'
import type { Keys } from '../keys/slot.js'
import type { VaultWrite } from './kind.js'

const PURPOSE = 'vault-seal'
const ID = /^[0-9a-f]{32}$/
/** No approval waits longer than this. */
const LIFE_MS = 31 * 24 * 3_600_000

export interface Sealer {
  /** Answers an id that tells values apart and nothing about them: the same for the same write with the same value. */
  seal(write: VaultWrite, value: Buffer): Promise<string>
  /** The value that this very write was asked for with. Throws `VAULT_SEAL_GONE` when it is not kept. */
  unseal(id: string, write: VaultWrite): Promise<Buffer>
  discard(id: string): void
}

/** `directory` is `.cloned/vault/sealed`. */
export function sealer(keys: Pick<Keys, 'mac' | 'macKey'>, directory: () => string, now: () => number): Sealer {
  const path = (id: string) => join(directory(), id)
  const aad = (id: string, kid: string, write: VaultWrite) => Buffer.from(`${id}\0${kid}\0${textOf(write)}`)
  const keyOf = (key: { mac(data: string): string }, id: string) => Buffer.from(key.mac(`encrypt\0${id}`), 'hex')
  return {
    async seal(write, value) {
      const key = await keys.mac(PURPOSE)
      const id = key.mac(Buffer.concat([Buffer.from(`id\0${textOf(write)}\0`), value])).slice(0, 32)
      const iv = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', keyOf(key, id), iv).setAAD(aad(id, key.kid, write))
      const sealed = Buffer.concat([iv, cipher.update(value), cipher.final(), cipher.getAuthTag()])
      privateDirectory(dirname(directory()))
      privateDirectory(directory())
      prune(directory(), now())
      writeFileAtomic(path(id), `${key.kid}:${sealed.toString('base64')}\n`)
      return id
    },
    async unseal(id, write) {
      const text = ID.test(id) ? readPrivateFile(path(id))?.toString('utf8') : undefined
      const [kid = '', body = ''] = text?.trim().split(':') ?? []
      const key = kid === '' ? undefined : await keys.macKey(PURPOSE, kid)
      if (!key) throw new ClonedError('VAULT_SEAL_GONE', { name: write.name })
      const sealed = Buffer.from(body, 'base64')
      try {
        const decipher = createDecipheriv('aes-256-gcm', keyOf(key, id), sealed.subarray(0, 12))
        decipher.setAAD(aad(id, kid, write)).setAuthTag(sealed.subarray(-16))
        return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()])
      } catch (cause) {
        throw new ClonedError('VAULT_SEAL_GONE', { name: write.name }, { cause })
      }
    },
    discard(id) {
      if (ID.test(id)) rmSync(path(id), { force: true })
    },
  }
}

/** Everything that a person approves: the value must not end up under another name, scope or provider. */
function textOf({ sealed: _, ...write }: VaultWrite): string {
  return canonical(write)
}

function prune(directory: string, now: number): void {
  for (const name of readdirSync(directory)) {
    if (!ID.test(name)) continue
    const stats = statSync(join(directory, name), { throwIfNoEntry: false })
    if (stats && stats.mtimeMs < now - LIFE_MS) rmSync(join(directory, name), { force: true })
  }
}
