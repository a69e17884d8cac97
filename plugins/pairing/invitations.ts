// Keeps the invitations to pair and finds out whose code is right; must never keep a code, nor let one be guessed.
import { type AuditLog, ClonedError, type Json } from 'cloned/kernel'
import type { Scope } from '../api/slot.js'
import type { Keys } from '../keys/slot.js'
import type { Store } from '../store/slot.js'
import { type InvitationCode, newInvitationCode, readInvitationCode, sameText } from './codes.js'
import { forgetting, PURPOSE } from './devices.js'
import type { PairingInvite } from './kinds.js'

/** Invitations and devices that wait, together. */
export const MOST = 20
/** Uses of one invitation, right or wrong: 40 bits are not found in ten. */
const TRIES = 10

export interface Invitations {
  /** A new code, and what to ask the gate for; the code exists here and nowhere else. */
  prepare(
    scopes: readonly Scope[],
    lifetime: number,
  ): Promise<{ readonly code: string; readonly invite: PairingInvite }>
  /** Throws `PAIRING_LIMIT`. */
  add(invite: PairingInvite): Promise<void>
  /** The id of the invitation that this code belongs to. Every look counts, before the code is compared. */
  find(code: string): Promise<string | undefined>
  /** What an invitation is for; `undefined` when it was used or has expired. */
  scopesOf(id: string): Promise<readonly Scope[] | undefined>
}

export interface InvitationParts {
  readonly store: Pick<Store, 'all' | 'write'>
  readonly keys: Pick<Keys, 'mac' | 'macKey'>
  readonly audit: Pick<AuditLog, 'append'>
  readonly now: () => number
}

export function createInvitations({ store, keys, audit, now }: InvitationParts): Invitations {
  return {
    async prepare(scopes, lifetime) {
      const { text, ...code } = newInvitationCode()
      const key = await keys.mac(PURPOSE)
      return { code: text, invite: { id: code.id, verifier: key.mac(spoken(code)), kid: key.kid, scopes, lifetime } }
    },
    async add({ id, verifier, kid, scopes, lifetime }) {
      const at = now()
      const [, , added = []] = await store.write([
        { sql: 'delete from pairing_invitations where expires_at <= $1', args: [at] },
        forgetting(at),
        {
          sql: `insert into pairing_invitations (id, kid, verifier, scopes, tries, expires_at)
            select $1, $2, $3, $4, 0, cast($5 as bigint)
            where (select count(*) from pairing_invitations)
              + (select count(*) from pairing_devices where state = 'pending') < cast($6 as bigint)
            on conflict (id) do nothing returning id`,
          args: [id, kid, verifier, JSON.stringify(scopes), at + lifetime * 1000, MOST],
        },
      ])
      if (added.length === 0) throw new ClonedError('PAIRING_LIMIT', { most: MOST })
    },
    async find(text) {
      const code = readInvitationCode(text)
      if (!code) return undefined
      const [[row] = []] = await store.write(
        [
          {
            sql: `update pairing_invitations set tries = tries + 1
              where id = $1 and tries < $2 and expires_at > $3 returning kid, verifier, tries`,
            args: [code.id, TRIES, now()],
          },
        ],
        { durable: false },
      )
      const key = (row && (await keys.macKey(PURPOSE, String(row['kid'])))) ?? (await keys.mac(PURPOSE))
      // Of tags, not of codes: what a comparison takes says nothing about the code, wherever they differ.
      const right = sameText(key.mac(spoken(code)), String(row?.['verifier'] ?? '0'.repeat(64)))
      if (row && right) return code.id
      if (Number(row?.['tries']) === TRIES) await audit.append(burned(code.id, now()))
      return undefined
    },
    async scopesOf(id) {
      const sql = 'select scopes from pairing_invitations where id = $1 and expires_at > $2'
      const [row] = await store.all(sql, id, now())
      return row && (JSON.parse(String(row['scopes'])) as Scope[])
    },
  }
}

function spoken({ id, secret }: InvitationCode): string {
  return `invitation\n${id}\n${secret}`
}

function burned(invitation: string, at: number): { type: string; ts: string } & Record<string, Json> {
  return { type: 'pairing.burned', ts: new Date(at).toISOString(), invitation, tries: TRIES }
}
