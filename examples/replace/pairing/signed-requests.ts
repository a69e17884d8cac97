// Proves a device by its signature under one request; a signature that was used, or is of another request, proves nothing.
import { type Gate, verifyStrictly } from 'cloned/kernel'
import type { Authenticator } from 'cloned/plugins/api'
import { type Devices, deviceKey } from 'cloned/plugins/pairing'
import type { Store } from 'cloned/plugins/store'

export const MIGRATIONS = [['create table acme_nonces (nonce text primary key, at bigint not null)']]

/** How far clocks may be apart, seconds. */
const WINDOW_S = 60
const CREDENTIALS = /^(dev_[0-9a-z]{12})\.([\w-]{43})\.(\d{1,12})\.([\w-]{16,64})\.([\w-]{86})$/

export interface SignedParts {
  readonly devices: Pick<Devices, 'paired'>
  readonly store: Pick<Store, 'write'>
  readonly gate: Pick<Gate, 'actor'>
  readonly now: () => number
}

/** What a device signs. */
export function signedText(method: string, url: string, seconds: string, nonce: string): Buffer {
  return Buffer.from(['acme.request', method, url, seconds, nonce].join('\n'))
}

/** `Authorization: Acme ID.KEY.SECONDS.NONCE.SIGNATURE`. */
export function signedRequests({ devices, store, gate, now }: SignedParts): Authenticator {
  return {
    scheme: 'Acme',
    async authenticate({ method, url, credentials }) {
      const [, id = '', x = '', seconds = '', nonce = '', signature = ''] = CREDENTIALS.exec(credentials) ?? []
      if (Math.abs(now() / 1000 - Number(seconds)) > WINDOW_S) return undefined
      const shown = deviceKey(x)
      // Read for every request: revoked is revoked, in every process. The device was let in with this key and no other.
      const device = shown && (await devices.paired(id))
      if (!device || device.thumbprint !== shown.thumbprint) return undefined
      const text = signedText(method, url, seconds, nonce)
      if (!verifyStrictly(text, shown.key, Buffer.from(signature, 'base64url'))) return undefined
      if (!(await isFirst(`${id}.${nonce}`))) return undefined
      // No user of this machine: whoever asks for something from a device does not approve it there as somebody else.
      const actor = gate.actor({ id: `device:${id}`, osUser: '' })
      return { actor, scopes: new Set(device.scopes), via: 'device' }
    },
  }

  async function isFirst(nonce: string): Promise<boolean> {
    const [, first = []] = await store.write(
      [
        { sql: 'delete from acme_nonces where at < $1', args: [now() - 2 * WINDOW_S * 1000] },
        { sql: 'insert into acme_nonces values ($1, $2) on conflict do nothing returning nonce', args: [nonce, now()] },
      ],
      { durable: false },
    )
    return first.length === 1
  }
}
