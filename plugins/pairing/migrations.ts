// Publishes the tables of pairing: invitations, devices and proofs that were used; a published step never changes.
export const MIGRATIONS: readonly (readonly string[])[] = [
  [
    `create table pairing_invitations (
      id text not null primary key,
      kid text not null,
      verifier text not null,
      scopes text not null,
      tries bigint not null,
      expires_at bigint not null
    )`,
    `create table pairing_devices (
      id text not null primary key,
      name text not null,
      thumbprint text not null unique,
      scopes text not null,
      state text not null,
      created_at bigint not null,
      paired_at bigint,
      revoked_at bigint,
      seal text
    )`,
    'create table pairing_proofs (id text not null primary key, until bigint not null)',
    'create index pairing_proofs_until on pairing_proofs (until)',
  ],
]
