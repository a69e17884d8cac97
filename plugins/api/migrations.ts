// Publishes the tables of the API: keys of repeated requests; a published step never changes.
export const MIGRATIONS: readonly (readonly string[])[] = [
  [
    `create table api_requests (
      id text primary key, digest text not null, at bigint not null, status integer, body text
    )`,
    'create index api_requests_at on api_requests (at)',
  ],
  ['alter table api_requests add column location text'],
]
