// Says how budgets are stored; tables and indexes only. A published step must never change.

/**
 * `budget_used` has one row for each cap and each window that was used, in millionths. These rows are never deleted: a
 * clock that jumps ahead and back must find what was used. `budget_takes` has one row for each call that took something.
 */
export const MIGRATIONS: readonly (readonly string[])[] = [
  [
    `create table budget_used (
       cap text not null,
       win bigint not null,
       used bigint not null,
       primary key (cap, win)
     )`,
    `create table budget_takes (
       call_id text not null primary key,
       instance text not null,
       state text not null,
       draws text not null,
       settled_at bigint
     )`,
    "create index budget_takes_open on budget_takes (instance) where state = 'taken'",
    'create index budget_takes_settled on budget_takes (settled_at)',
    `create table budget_settled (
       instance text not null primary key,
       seq bigint not null
     )`,
  ],
]
