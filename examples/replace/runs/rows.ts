// Keeps each run as one row; who changes its state says from which, so that two who change it at once cannot both.
import type { Node, RunState, StoredRun } from 'cloned/plugins/runs'
import type { Row, Store } from 'cloned/plugins/store'

export const MIGRATIONS = [
  [
    'create table acme_runs (id text primary key, at bigint not null, state text not null, run text not null)',
    'create index acme_runs_by_age on acme_runs (at, id)',
  ],
]

/** States in which a run can still go on. */
export const OPEN: readonly RunState[] = ['running', 'waiting', 'paused']

export class Rows {
  readonly #store: Pick<Store, 'all' | 'write'>
  readonly #now: () => number

  constructor(store: Pick<Store, 'all' | 'write'>, now: () => number) {
    this.#store = store
    this.#now = now
  }

  async insert(run: StoredRun): Promise<void> {
    await this.#store.write([
      {
        sql: 'insert into acme_runs (id, at, state, run) values ($1, $2, $3, $4)',
        args: [run.id, run.createdAt, run.state, textOf(run)],
      },
    ])
  }

  async load(id: string): Promise<StoredRun | undefined> {
    const [row] = await this.#store.all('select * from acme_runs where id = $1', id)
    return row && runOf(row)
  }

  /** Newest first. */
  async list(limit: number): Promise<readonly StoredRun[]> {
    const rows = await this.#store.all(
      'select * from acme_runs order by at desc, id desc limit cast($1 as bigint)',
      limit,
    )
    return rows.map(runOf)
  }

  /** Ids of the runs that are to go on, oldest first. */
  async open(): Promise<readonly string[]> {
    const sql = "select id from acme_runs where state = 'running' or state = 'waiting' order by at, id"
    return (await this.#store.all(sql)).map((row) => String(row['id']))
  }

  /** Stores how far a run has come, and answers the state that it has by now. */
  async save(run: StoredRun): Promise<RunState> {
    const [[row] = []] = await this.#store.write([
      { sql: 'update acme_runs set run = $1 where id = $2 returning state', args: [textOf(run), run.id] },
    ])
    return row?.['state'] as RunState
  }

  /** With `run`, all of it at once. `false`, and nothing, when the run is in none of the states `from` any more. */
  async move(id: string, from: readonly RunState[], to: RunState, run?: StoredRun): Promise<boolean> {
    const names = from.map((_, i) => `$${i + 4}`).join(', ')
    const [moved = []] = await this.#store.write([
      {
        sql: `update acme_runs set state = $1, run = coalesce($2, run) where id = $3 and state in (${names}) returning id`,
        args: [to, run ? textOf(run) : null, id, ...from],
      },
    ])
    return moved.length === 1
  }

  now(): number {
    return this.#now()
  }
}

function textOf(run: StoredRun): string {
  return JSON.stringify({ ...run, nodes: [...run.nodes.values()] })
}

function runOf({ state, run }: Row): StoredRun {
  const kept = JSON.parse(String(run)) as Omit<StoredRun, 'nodes'> & { readonly nodes: readonly Node[] }
  return { ...kept, state: state as RunState, nodes: new Map(kept.nodes.map((node) => [node.path, node])) }
}
