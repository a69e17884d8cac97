// The key slot that opens with an age identity, meant for recovery; and the export for an age recipient.
import { ClonedError } from 'cloned/kernel'
import type { SlotType } from './slot-type.js'

export const ageSlot: SlotType = {
  type: 'age',
  secret: false,
  async wrap(dek, { recipient = '' }) {
    const sealed = await encryptFor(recipient, dek)
    return { params: { recipient }, wrapped_dek: Buffer.from(sealed).toString('base64') }
  },
  async unwrap({ wrapped_dek }, { identity }) {
    const given = identity()
    if (given === undefined) throw new Error('no age identity was given')
    const { Decrypter } = await age()
    const decrypter = new Decrypter()
    decrypter.addIdentity(given)
    const dek = Buffer.from(await decrypter.decrypt(Buffer.from(wrapped_dek, 'base64')))
    if (dek.length !== 32) throw new Error('it holds no data key')
    return dek
  },
  detail: ({ recipient }) => `age recipient ${String(recipient).slice(0, 20)}…`,
}

/** An armored age file that only this recipient can read. Throws `VAULT_SLOT` for what is no recipient. */
export async function armoredFor(recipient: string, plain: Buffer): Promise<string> {
  const sealed = await encryptFor(recipient, plain)
  return (await age()).armor.encode(sealed)
}

async function encryptFor(recipient: string, plain: Buffer): Promise<Uint8Array> {
  const { Encrypter } = await age()
  const encrypter = new Encrypter()
  try {
    encrypter.addRecipient(recipient)
  } catch (cause) {
    throw new ClonedError('VAULT_SLOT', { problem: `"${recipient.slice(0, 80)}" is no age recipient` }, { cause })
  }
  return await encrypter.encrypt(plain)
}

async function age(): Promise<typeof import('age-encryption')> {
  try {
    return await import('age-encryption')
  } catch (cause) {
    throw new ClonedError('VAULT_SLOT', { problem: 'age is not installed: npm install age-encryption' }, { cause })
  }
}
