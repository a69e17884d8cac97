// Says how approvals are stored; tables and indexes only. A published step must never change.

/**
 * Rows of `approvals_decisions` are never changed; the state of a request only ever follows from them, from time and from use.
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
  [
    'alter table approvals add column actor text',
    'alter table approvals add column os_user text',
    'alter table approvals add column requested_seq bigint',
    'alter table approvals add column decided_seq bigint',
    'alter table approvals add column replaced_by text',
    'alter table approvals add column escalated_at bigint',
    'alter table approvals add column input_dropped bigint',
    "create index approvals_pending on approvals (actor, expires_at) where state = 'pending'",
    `create table approvals_decisions (
       approval text not null,
       approver text not null,
       verdict text not null,
       seq bigint not null,
       decided_by text not null,
       decided_at bigint not null,
       key text,
       reason text,
       grant_id text,
       grant_terms text,
       primary key (approval, approver, verdict)
     )`,
    `create table approvals_grants (
       id text not null primary key,
       approval text not null,
       bound text not null,
       tool text not null,
       contract text not null,
       actor text not null,
       asks text not null,
       terms text not null,
       count bigint not null,
       until bigint not null,
       granted_by text not null,
       granted_at bigint not null,
       requested_seq bigint not null,
       revoked_at bigint
     )`,
    'create index approvals_grants_by_tool on approvals_grants (tool)',
    `create table approvals_grant_uses (
       call_id text not null primary key,
       grant_id text not null,
       instance text not null,
       state text not null
     )`,
    'create index approvals_grant_uses_by_grant on approvals_grant_uses (grant_id)',
    "create index approvals_grant_uses_taken on approvals_grant_uses (instance) where state = 'taken'",
  ],
]
