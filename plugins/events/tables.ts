// Says how the feed is stored; a published migration never changes.

/**
 * `events_said` holds what plugins have said and nobody has taken in yet, in the order of its keys. `events_head` is the end
 * of the feed, and of the audit log as far as it is in it.
 */
export const MIGRATIONS: readonly (readonly string[])[] = [
  [
    `create table events (
      seq bigint primary key, at bigint not null, type text not null, subject text, event text not null
    )`,
    'create index events_subject on events (subject, seq)',
    'create table events_said (key text primary key, type text not null, subject text, at bigint not null, data text not null)',
    `create table events_head (
      id integer primary key, last bigint not null, audit_seq bigint not null, audit_hash text not null
    )`,
  ],
]
