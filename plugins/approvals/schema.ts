// Says how approvals are stored; tables and indexes only. A published step must never change.

/**
 * Stored states are those of a request, and `taken`: used by a call that has not been settled.
 * The partial index is what makes two identical requests, opened by two processes at one moment, become one.
 */
export const MIGRATIONS: readonly (readonly string[])[] = [
  [
    `create table approvals (
       id text not null primary key,
       state text not null,
       digest text not null,
       asks_key text not null,
       asks text not null,
       action text not null,
       created_at bigint not null,
       expires_at bigint not null,
       decided_at bigint,
       decided_by text,
       reason text,
       used_by text,
       used_instance text
     )`,
    "create unique index approvals_one_pending on approvals (digest, asks_key) where state = 'pending'",
    'create index approvals_by_digest on approvals (digest)',
    'create index approvals_by_call on approvals (used_by)',
    "create index approvals_taken on approvals (used_instance) where state = 'taken'",
    `create table approvals_settled (
       instance text not null primary key,
       seq bigint not null
     )`,
  ],
]
