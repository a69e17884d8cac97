// Keeps the devices; a row that this workspace did not seal itself, whoever wrote it, is no paired device.
import { type AuditLog, canonical, isClonedError, type Logger } from 'cloned/kernel'
import type { Scope } from '../api/slot.js'
import type { Keys, MacKey } from '../keys/slot.js'
import type { Row, Statement, Store } from '../store/slot.js'
import { comparisonCode, newDeviceId, sameText } from './codes.js'
import type { PairingApprove } from './kinds.js'
import { MIGRATIONS } from './migrations.js'
import type { Device, Pairings } from './slot.js'
import { createStanding } from './standing.js'

/** How long a device waits for a person. */
export const PENDING_MS = 24 * 3_600_000

/** Of the keys of the workspace: the signer and the MAC key. */
export const PURPOSE = 'pairing'

/** Drops what nobody approved in time. */
export function forgetting(now: number): Statement {
  return {
    sql: "delete from pairing_devices where state = 'pending' and created_at <= $1",
    args: [now - PENDING_MS],
  }
}

function taking(invitation: string, now: number): Statement {
  return {
    sql: 'delete from pairing_invitations where id = $1 and expires_at > $2',
    args: [invitation, now],
    expect: 1,
  }
}

/** What becomes of devices, for whoever owns the slot. */
export interface Devices extends Pairings {
  /** Makes the tables, for `onStart`. Whoever owned the slot before left the devices in them. */
  migrate(): Promise<void>
  /** The device if it is paired right now, in this and in every process. */
  paired(id: string): Promise<Device | undefined>
  /** Whether the key belongs to a device that is, was or may become paired. */
  knows(thumbprint: string): Promise<boolean>
  /**
   * Has a new device wait, in the place of its invitation where there is one, which is then gone. `false` when either was
   * taken before: a key belongs to one device for good.
   */
  enrol(device: Device, invitation?: string): Promise<boolean>
  /** `false` unless exactly this device waits. */
  approve(device: PairingApprove): Promise<boolean>
  /** Counts for every process from the moment it resolves. `false` when there is no such device. */
  revoke(id: string): Promise<boolean>
}

export interface DeviceParts {
  readonly store: Pick<Store, 'all' | 'write' | 'migrate'>
  readonly keys: Pick<Keys, 'mac' | 'macKey'>
  /** Asked whether the store knows all that was revoked. */
  readonly audit: Pick<AuditLog, 'latest'>
  readonly log: Pick<Logger, 'error'>
  readonly now: () => number
}

/** A device as it asks to be paired. */
export function newDevice({ name, thumbprint, scopes }: Pick<Device, 'name' | 'thumbprint' | 'scopes'>, at: number) {
  const id = newDeviceId()
  const code = comparisonCode(thumbprint, id)
  return { id, name, thumbprint, scopes, state: 'pending', code, createdAt: at } satisfies Device
}

/** Devices in the store of the workspace. Nobody is paired whom a person did not let in: not by a row that was written otherwise. */
export function createDevices({ store, keys, audit, log, now }: DeviceParts): Devices {
  const isRevoked = async (id: string) => {
    const [row] = await store.all('select state from pairing_devices where id = $1', id)
    return row?.['state'] === 'revoked'
  }
  const standing = createStanding({ audit, isRevoked, log })
  const find = async (column: 'id' | 'thumbprint', value: string): Promise<Row | undefined> =>
    (await store.all(`${THERE} and ${column} = $2`, now() - PENDING_MS, value))[0]

  return {
    migrate: () => store.migrate('cloned.pairing', MIGRATIONS),
    async list() {
      const rows = await store.all(`${THERE} order by created_at desc, id desc`, now() - PENDING_MS)
      return rows.map(deviceOf)
    },
    async get(id) {
      const row = await find('id', id)
      return row && deviceOf(row)
    },
    async paired(id) {
      const row = await find('id', id)
      if (row?.['state'] !== 'paired' || !(await standing())) return undefined
      const device = deviceOf(row)
      const seal = String(row['seal'])
      const key = await keys.macKey(PURPOSE, seal.slice(0, 16))
      return key && sameText(sealOf(key, device), seal) ? device : undefined
    },
    async knows(thumbprint) {
      return (await find('thumbprint', thumbprint)) !== undefined
    },
    async enrol({ id, name, thumbprint, scopes, createdAt }, invitation) {
      try {
        await store.write([
          ...(invitation === undefined ? [] : [taking(invitation, now())]),
          forgetting(now()),
          {
            sql: `insert into pairing_devices (id, name, thumbprint, scopes, state, created_at)
              values ($1, $2, $3, $4, 'pending', $5)`,
            args: [id, name, thumbprint, JSON.stringify(scopes), createdAt],
          },
        ])
        return true
      } catch (error) {
        if (isClonedError(error) && error.code === 'STORE_CONFLICT') return false
        throw error
      }
    },
    async approve({ id, name, thumbprint, scopes }) {
      const pairedAt = now()
      const seal = sealOf(await keys.mac(PURPOSE), { id, name, thumbprint, scopes, pairedAt })
      const [changed = []] = await store.write([
        {
          sql: `update pairing_devices set state = 'paired', paired_at = $3, seal = $4
            where id = $1 and state = 'pending' and created_at > $2
              and name = $5 and thumbprint = $6 and scopes = $7 returning id`,
          args: [id, pairedAt - PENDING_MS, pairedAt, seal, name, thumbprint, JSON.stringify(scopes)],
        },
      ])
      return changed.length === 1
    },
    async revoke(id) {
      const [changed = []] = await store.write([
        {
          sql: `update pairing_devices set state = 'revoked', seal = null, revoked_at = coalesce(revoked_at, $2)
            where id = $1 returning id`,
          args: [id, now()],
        },
      ])
      return changed.length === 1
    },
  }
}

/** Who waited too long is not there, though the row may be. */
const THERE = "select * from pairing_devices where (state <> 'pending' or created_at > $1)"

type Sealed = Pick<Device, 'id' | 'name' | 'thumbprint' | 'scopes' | 'pairedAt'>

function sealOf(key: MacKey, { id, name, thumbprint, scopes, pairedAt = 0 }: Sealed): string {
  return `${key.kid}:${key.mac(`device\n${canonical({ id, name, thumbprint, scopes, paired_at: pairedAt })}`)}`
}

function deviceOf(row: Row): Device {
  const { id, name, thumbprint, scopes, state, created_at, paired_at, revoked_at } = row
  return {
    id: String(id),
    name: String(name),
    state: state as Device['state'],
    scopes: JSON.parse(String(scopes)) as Scope[],
    thumbprint: String(thumbprint),
    code: comparisonCode(String(thumbprint), String(id)),
    createdAt: Number(created_at),
    ...(paired_at === null ? {} : { pairedAt: Number(paired_at) }),
    ...(revoked_at === null ? {} : { revokedAt: Number(revoked_at) }),
  }
}
