// Keeps the devices; one whose row this workspace did not seal, whoever wrote it, is not paired.
import { type AuditLog, ClonedError, canonical, publicKeyOf, sha256, unsoundKey } from 'cloned/kernel'
import type { Keys } from 'cloned/plugins/keys'
import { type Device, newDevice, type PairingApprove, type Pairings, sameText } from 'cloned/plugins/pairing'
import type { Row, Store } from 'cloned/plugins/store'

export const MIGRATIONS = [
  [
    'create table acme_devices (id text primary key, key text not null unique, device text not null, at bigint not null, state text not null, seal text)',
    'create table acme_nonces (nonce text primary key, at bigint not null)',
  ],
]

const PENDING_MS = 24 * 3_600_000
const MOST_PENDING = 20
const PURPOSE = 'pairing'

export interface Devices extends Pairings {
  /** Puts a device on the list of those that wait. Throws `PAIRING_REFUSED`. */
  add(wish: Pick<Device, 'name' | 'scopes'> & { readonly key: string }): Promise<Device>
  /** `false` unless exactly this device waits. */
  approve(shown: PairingApprove): Promise<boolean>
  /** Counts for every process from the moment it resolves. `false` when there is no such device. */
  revoke(id: string): Promise<boolean>
  /** The device if it is paired right now, with its public key: 32 bytes, base64url. */
  paired(id: string): Promise<{ readonly device: Device; readonly key: string } | undefined>
}

export interface DeviceParts {
  readonly store: Pick<Store, 'all' | 'write'>
  readonly keys: Pick<Keys, 'mac' | 'macKey'>
  readonly audit: Pick<AuditLog, 'append'>
  readonly now: () => number
}

export function createDevices({ store, keys, audit, now }: DeviceParts): Devices {
  // Who waited too long is not there, though the row may be.
  const there = "select * from acme_devices where (state <> 'pending' or at > $1)"
  const find = async (id: string): Promise<Row | undefined> =>
    (await store.all(`${there} and id = $2`, now() - PENDING_MS, id))[0]

  /** Writes what became of a device; an approval only while it is as it was, a revocation in any case. */
  async function change({ device: was = null }: Row, device: Device, seal: string | null): Promise<boolean> {
    const [changed = []] = await store.write([
      {
        sql: `update acme_devices set device = $1, state = $2, seal = $3
          where id = $4 and (device = $5 or $2 = 'revoked') returning id`,
        args: [JSON.stringify(device), device.state, seal, device.id, was],
      },
    ])
    return changed.length === 1
  }

  return {
    list: async () => (await store.all(`${there} order by at desc, id desc`, now() - PENDING_MS)).map(deviceOf),
    async get(id) {
      const row = await find(id)
      return row && deviceOf(row)
    },
    async add({ name, scopes, key }) {
      const refused = (problem: string) => new ClonedError('PAIRING_REFUSED', { problem })
      const raw = Buffer.from(key, 'base64url')
      if (raw.toString('base64url') !== key || unsoundKey(raw) !== undefined) throw refused('that is no Ed25519 key')
      const at = now()
      const pending = await store.all(
        "select id from acme_devices where state = 'pending' and at > $1",
        at - PENDING_MS,
      )
      if (pending.length >= MOST_PENDING) throw refused(`${MOST_PENDING} devices wait already`)
      const device = newDevice({ name, scopes, thumbprint: thumbprintOf(key) }, at)
      const { id, thumbprint } = device
      const ts = new Date(at).toISOString()
      await audit.append({ type: 'pairing.requested', ts, device: id, name, thumbprint, scopes })
      const [, added = []] = await store.write([
        { sql: "delete from acme_devices where state = 'pending' and at <= $1", args: [at - PENDING_MS] },
        {
          sql: `insert into acme_devices (id, key, device, at, state) values ($1, $2, $3, $4, 'pending')
            on conflict (key) do nothing returning id`,
          args: [id, key, JSON.stringify(device), at],
        },
      ])
      if (added.length === 0) throw refused('this key belongs to a device that was here before')
      return device
    },
    async approve(shown) {
      const row = await find(shown.id)
      const waits = row?.['state'] === 'pending' ? deviceOf(row) : undefined
      const { id, name, thumbprint, scopes, code } = waits ?? shown
      if (!row || !waits || canonical({ id, name, thumbprint, scopes, code }) !== canonical({ ...shown })) return false
      const device: Device = { ...waits, state: 'paired', pairedAt: now() }
      const { kid, mac } = await keys.mac(PURPOSE)
      return change(row, device, `${kid}:${mac(sealed(device, String(row['key'])))}`)
    },
    async revoke(id) {
      const row = await find(id)
      if (!row) return false
      return row['state'] === 'revoked' || change(row, { ...deviceOf(row), state: 'revoked', revokedAt: now() }, null)
    },
    async paired(id) {
      const row = await find(id)
      const [kid = '', tag = ''] = String(row?.['seal'] ?? '').split(':')
      const macKey = row?.['state'] === 'paired' ? await keys.macKey(PURPOSE, kid) : undefined
      if (!row || !macKey) return undefined
      const [device, key] = [deviceOf(row), String(row['key'])]
      return sameText(macKey.mac(sealed(device, key)), tag) ? { device, key } : undefined
    },
  }
}

/** The public key of 32 bytes, base64url. */
export function keyOf(key: string) {
  return publicKeyOf(Buffer.from(key, 'base64url'))
}

function deviceOf({ device }: Row): Device {
  return JSON.parse(String(device)) as Device
}

function sealed(device: Device, key: string): string {
  return `acme.pairing\n${key}\n${canonical({ ...device })}`
}

/** RFC 7638: the required members, in the order of their names. */
function thumbprintOf(x: string): string {
  return Buffer.from(sha256(JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x })), 'hex').toString('base64url')
}
