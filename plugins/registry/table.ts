// Keeps in the store what was approved: which package is installed, whether it is enabled, and what was ever seen.
import type { Row, Statement, Store } from '../store/slot.js'

/** An installed connector as it was approved. */
export interface Installed {
  readonly id: string
  readonly version: string
  readonly digest: string
  readonly publisher: string
  readonly enabled: boolean
  readonly installedAt: number
  readonly installedBy: string
  readonly callId: string
  /** Why it was last found unfit; empty when it was not. */
  readonly noticed: string
}

/** Everything that was approved. */
export interface RegistryState {
  /** Raised by every change. */
  readonly generation: number
  readonly installed: readonly Installed[]
}

/** Something that never changes once it was seen: a version of a package, or a version of a tool. */
export interface Pin {
  readonly kind: 'package' | 'tool'
  /** `<id>@<version>`. */
  readonly name: string
  readonly digest: string
}

/** A catalog as it was last used. */
export interface SeenCatalog {
  readonly version: number
  /** Whose signatures its index had when the location was first used: ids of publishers, and `the root`. */
  readonly keepers?: readonly string[]
}

/** Where what was approved is kept. Everything that resolves is durable, and seen by every process. */
export interface RegistryTable {
  state(): Promise<RegistryState>
  /** What is pinned under these names. A pin is never changed and never forgotten, not by a removal either. */
  pins(names: readonly string[]): Promise<readonly Pin[]>
  /** The highest version of a connector that was ever installed. */
  highest(id: string): Promise<string | undefined>
  /** Puts a package in the place of what was there, and keeps the pins. `STORE_CONFLICT` when that is not `previous`. */
  install(row: Installed, about: { previous: string | null; highest: string; pins: readonly Pin[] }): Promise<void>
  /** `STORE_CONFLICT` when this package is not what is installed. */
  enable(id: string, digest: string, enabled: boolean): Promise<void>
  /** `STORE_CONFLICT` when this package is not what is installed. */
  remove(id: string, digest: string): Promise<void>
  /** Remembers why a connector was found unfit; raises no generation. */
  notice(id: string, problem: string): Promise<void>
  /** What was last seen at the location of a catalog; version 0 where nothing was. */
  catalog(location: string): Promise<SeenCatalog>
  /** Never goes back to an older version; the keepers of a location are those of the first time, whoever comes later. */
  sawCatalog(location: string, seen: SeenCatalog): Promise<void>
}

const STEPS = [
  [
    `create table registry_connectors (
      id text primary key,
      version text not null,
      digest text not null,
      publisher text not null,
      enabled integer not null,
      installed_at bigint not null,
      installed_by text not null,
      call_id text not null,
      noticed text not null
    )`,
    `create table registry_pins (
      kind text not null,
      name text not null,
      digest text not null,
      primary key (kind, name)
    )`,
    'create table registry_highest (id text primary key, version text not null)',
    'create table registry_state (name text primary key, generation bigint not null)',
    'create table registry_catalogs (location text primary key, version bigint not null)',
  ],
  ['alter table registry_catalogs add column keepers text'],
]

type StorePart = Pick<Store, 'all' | 'write' | 'migrate'>

/** In tables of the store. */
export class StoredTable implements RegistryTable {
  readonly #store: StorePart

  constructor(store: StorePart) {
    this.#store = store
  }

  migrate(): Promise<void> {
    return this.#store.migrate('cloned.registry', STEPS)
  }

  async state(): Promise<RegistryState> {
    const rows = await this.#store.all(
      `select s.generation as generation, c.* from registry_state s left join registry_connectors c on 1 = 1
        order by c.id`,
    )
    return {
      generation: Number(rows[0]?.['generation'] ?? 0),
      installed: rows.filter(({ id }) => id !== null).map(installedOf),
    }
  }

  async pins(names: readonly string[]): Promise<readonly Pin[]> {
    const found: Pin[] = []
    for (const name of names) {
      const rows = await this.#store.all('select kind, name, digest from registry_pins where name = $1', name)
      for (const row of rows) {
        found.push({ kind: row['kind'] as Pin['kind'], name: String(row['name']), digest: String(row['digest']) })
      }
    }
    return found
  }

  async highest(id: string): Promise<string | undefined> {
    const [row] = await this.#store.all('select version from registry_highest where id = $1', id)
    return row && String(row['version'])
  }

  install(row: Installed, about: Parameters<RegistryTable['install']>[1]): Promise<void> {
    const args = [row.id, row.version, row.digest, row.publisher, Number(row.enabled), row.installedAt, row.installedBy]
    const { previous } = about
    const statement: Statement =
      previous === null
        ? {
            sql: `insert into registry_connectors
              (id, version, digest, publisher, enabled, installed_at, installed_by, call_id, noticed)
              values ($1, $2, $3, $4, $5, $6, $7, $8, '')`,
            args: [...args, row.callId],
            expect: 1,
          }
        : {
            sql: `update registry_connectors set version = $2, digest = $3, publisher = $4, enabled = $5,
              installed_at = $6, installed_by = $7, call_id = $8, noticed = '' where id = $1 and digest = $9`,
            args: [...args, row.callId, previous],
            expect: 1,
          }
    return this.#change([
      statement,
      ...about.pins.map(({ kind, name, digest }) => ({
        sql: 'insert into registry_pins (kind, name, digest) values ($1, $2, $3) on conflict (kind, name) do nothing',
        args: [kind, name, digest],
      })),
      {
        sql: `insert into registry_highest (id, version) values ($1, $2)
          on conflict (id) do update set version = excluded.version`,
        args: [row.id, about.highest],
      },
    ])
  }

  enable(id: string, digest: string, enabled: boolean): Promise<void> {
    const sql = 'update registry_connectors set enabled = $3 where id = $1 and digest = $2'
    return this.#change([{ sql, args: [id, digest, Number(enabled)], expect: 1 }])
  }

  remove(id: string, digest: string): Promise<void> {
    const sql = 'delete from registry_connectors where id = $1 and digest = $2'
    return this.#change([{ sql, args: [id, digest], expect: 1 }])
  }

  async notice(id: string, problem: string): Promise<void> {
    await this.#store.write([{ sql: 'update registry_connectors set noticed = $2 where id = $1', args: [id, problem] }])
  }

  async catalog(location: string): Promise<SeenCatalog> {
    const [row] = await this.#store.all('select version, keepers from registry_catalogs where location = $1', location)
    const keepers = row?.['keepers']
    return {
      version: Number(row?.['version'] ?? 0),
      ...(typeof keepers === 'string' ? { keepers: JSON.parse(keepers) as string[] } : {}),
    }
  }

  async sawCatalog(location: string, { version, keepers = [] }: SeenCatalog): Promise<void> {
    const sql = `insert into registry_catalogs (location, version, keepers) values ($1, $2, $3)
      on conflict (location) do update set version = excluded.version,
        keepers = coalesce(registry_catalogs.keepers, excluded.keepers)
      where registry_catalogs.version < excluded.version or registry_catalogs.keepers is null`
    await this.#store.write([{ sql, args: [location, version, JSON.stringify(keepers)] }])
  }

  async #change(statements: readonly Statement[]): Promise<void> {
    const sql = `insert into registry_state (name, generation) values ('registry', 1)
      on conflict (name) do update set generation = registry_state.generation + 1`
    await this.#store.write([...statements, { sql }])
  }
}

function installedOf(row: Row): Installed {
  return {
    id: String(row['id']),
    version: String(row['version']),
    digest: String(row['digest']),
    publisher: String(row['publisher']),
    enabled: row['enabled'] === 1,
    installedAt: Number(row['installed_at']),
    installedBy: String(row['installed_by']),
    callId: String(row['call_id']),
    noticed: String(row['noticed']),
  }
}
