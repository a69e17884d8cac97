// Keeps approved overlay texts and a note of the one in force in the store; must never be taken for proof of approval.
import { sha256 } from 'cloned/kernel'
import type { Row, Store } from '../store/slot.js'

/** What the store says is in force; other processes learn from it, and believe the audit log. */
export interface AppliedNote {
  readonly pack: string
  /** SHA-256 of the overlay's text, `null` for the pack alone. */
  readonly overlay: string | null
  /** The record in the audit log. */
  readonly seq: number
  /** Whether the overlay file was written. */
  readonly filed: boolean
}

/** The approved overlays of a workspace. */
export interface AppliedOverlays {
  migrate(): Promise<void>
  note(): Promise<AppliedNote | undefined>
  /** Durably. A note of an older record never replaces one of a newer, unless by the one writer there is (`writing`). */
  setNote(note: AppliedNote, writing?: 'writing'): Promise<void>
  /** Keeps an overlay's text, durably, whether it comes into force or not. */
  keep(text: string): Promise<void>
  /** A kept text; `undefined` when there is none or it is not what was kept. */
  text(digest: string): Promise<string | undefined>
}

const STEPS = [
  [
    'create table policy_texts (digest text primary key, content text not null)',
    `create table policy_applied (
      only_one integer primary key check (only_one = 1),
      pack text not null,
      overlay text,
      seq bigint not null,
      filed integer not null
    )`,
  ],
]

/** Over the tables of the store plugin. */
export function createAppliedOverlays(store: Pick<Store, 'all' | 'write' | 'migrate'>): AppliedOverlays {
  return {
    migrate: () => store.migrate('cloned.policy', STEPS),
    async note() {
      const [row] = await store.all('select pack, overlay, seq, filed from policy_applied where only_one = 1')
      return row && noteOf(row)
    },
    async setNote({ pack, overlay, seq, filed }, writing) {
      await store.write([
        {
          sql: `insert into policy_applied (only_one, pack, overlay, seq, filed)
            values (1, $1, $2, cast($3 as bigint), cast($4 as integer))
            on conflict (only_one) do update
            set pack = excluded.pack, overlay = excluded.overlay, seq = excluded.seq, filed = excluded.filed
            where policy_applied.seq <= excluded.seq or cast($5 as integer) = 1`,
          args: [pack, overlay, seq, filed ? 1 : 0, writing ? 1 : 0],
        },
      ])
    },
    async keep(text) {
      await store.write([
        {
          // Replaced, since a damaged one would else stay for good.
          sql: `insert into policy_texts (digest, content) values ($1, $2)
            on conflict (digest) do update set content = excluded.content`,
          args: [sha256(text), text],
        },
      ])
    },
    async text(digest) {
      const [row] = await store.all('select content from policy_texts where digest = $1', digest)
      const text = row?.['content']
      return typeof text === 'string' && sha256(text) === digest ? text : undefined
    },
  }
}

function noteOf({ pack, overlay, seq, filed }: Row): AppliedNote {
  return {
    pack: String(pack),
    overlay: typeof overlay === 'string' ? overlay : null,
    seq: Number(seq),
    filed: Number(filed) === 1,
  }
}
