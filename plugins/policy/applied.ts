// Keeps the last approved overlay of each pack in the store; must never replace one that is not the one expected.
import { ClonedError, isClonedError, sha256 } from 'cloned/kernel'
import type { Store } from '../store/slot.js'
import type { PackName } from './document.js'

/** An approved overlay. */
export interface Applied {
  readonly content: string
  /** SHA-256 of `content`. */
  readonly digest: string
}

/** The approved overlays of a workspace. */
export interface AppliedOverlays {
  migrate(): Promise<void>
  /** Throws `FILE_INVALID` for a row that is not what was approved. */
  read(pack: PackName): Promise<Applied | undefined>
  /** Records an approved overlay, durably. Throws `POLICY_STALE` when `previous` is not the digest of the present one. */
  replace(
    pack: PackName,
    previous: string | null,
    content: string,
    about: { callId: string; at: number },
  ): Promise<Applied>
}

const STEPS = [
  [
    `create table policy_applied (
      pack text primary key,
      content text not null,
      digest text not null,
      call_id text not null,
      applied_at bigint not null
    )`,
  ],
]

/** Over the tables of the store plugin. */
export function createAppliedOverlays(store: Pick<Store, 'all' | 'write' | 'migrate'>): AppliedOverlays {
  return {
    migrate: () => store.migrate('cloned.policy', STEPS),
    async read(pack) {
      const [row] = await store.all('select content, digest from policy_applied where pack = $1', pack)
      if (!row) return undefined
      const content = String(row['content'])
      if (sha256(content) !== row['digest']) {
        const problem = 'the approved policy overlay in it is not what was approved'
        throw new ClonedError('FILE_INVALID', { path: '.cloned/state.db', line: '', problem })
      }
      return { content, digest: sha256(content) }
    },
    async replace(pack, previous, content, { callId, at }) {
      const digest = sha256(content)
      const statement =
        previous === null
          ? {
              sql: `insert into policy_applied (pack, content, digest, call_id, applied_at) values ($1, $2, $3, $4, $5)
                on conflict (pack) do nothing`,
              args: [pack, content, digest, callId, at],
            }
          : {
              sql: `update policy_applied set content = $2, digest = $3, call_id = $4, applied_at = $5
                where pack = $1 and digest = $6`,
              args: [pack, content, digest, callId, at, previous],
            }
      try {
        await store.write([{ ...statement, expect: 1 }])
      } catch (error) {
        if (!isConflict(error)) throw error
        throw new ClonedError('POLICY_STALE', { pack, problem: 'another policy write came first' }, { cause: error })
      }
      return { content, digest }
    },
  }
}

function isConflict(error: unknown): boolean {
  return isClonedError(error) && error.code === 'STORE_CONFLICT'
}
