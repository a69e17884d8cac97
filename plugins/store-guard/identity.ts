// Keeps the identity of a store inside of it, and how often it was marked; must never lower a mark.
import { randomBytes } from 'node:crypto'
import { ClonedError } from 'cloned/kernel'
import type { Row, Store } from '../store/slot.js'

/** Which store it is, and how old its content is at least. */
export interface Identity {
  /** Random, 32 lower-case hex digits. */
  readonly store: string
  /** Raised by 1 with every mark. */
  readonly mark: number
}

const STEPS = [['create table store_identity (one integer primary key, id text not null, mark bigint not null)']]

/** Of the one store that there is behind the slot. */
export interface IdentityRow {
  migrate(): Promise<void>
  /** `undefined` for a store that was never marked. */
  read(): Promise<Identity | undefined>
  /** Raises the mark, durably; a store that has no identity gets one. */
  mark(): Promise<Identity>
  /** Gives the store a new identity, durably: from then on every copy that was made before is another store. */
  renew(): Promise<Identity>
}

export function createIdentity(store: Pick<Store, 'all' | 'write' | 'migrate'>): IdentityRow {
  const put = async (onConflict: string): Promise<Identity> => {
    const sql = `insert into store_identity (one, id, mark) values (1, $1, 1)
      on conflict (one) do update set ${onConflict} returning id, mark`
    const [rows] = await store.write([{ sql, args: [randomBytes(16).toString('hex')], expect: 1 }])
    const identity = identityOf(rows?.[0])
    if (identity) return identity
    throw new ClonedError('STORE_FAILED', { cause: 'it gave back no identity' })
  }
  return {
    migrate: () => store.migrate('cloned.store-guard', STEPS),
    read: async () => identityOf((await store.all('select id, mark from store_identity where one = 1'))[0]),
    mark: () => put('mark = store_identity.mark + 1'),
    renew: () => put('id = excluded.id, mark = 1'),
  }
}

function identityOf(row: Row | undefined): Identity | undefined {
  return row && { store: String(row['id']), mark: Number(row['mark']) }
}
