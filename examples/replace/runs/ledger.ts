// Keeps each run as one text; a change counts only while the run is as it was read, so that no change undoes another.
import { ClonedError, isClonedError } from 'cloned/kernel'
import { type Held, hasEnded, type Ledger, type Node, QUEUE, type StoredRun } from 'cloned/plugins/runs'
import type { Row, Store, WriteOptions } from 'cloned/plugins/store'

export const MIGRATIONS = [
  [
    `create table acme_runs (id text primary key, at bigint not null, version bigint not null, pipeline text not null,
       holder text, run text not null)`,
    'create index acme_runs_by_age on acme_runs (at, id)',
  ],
]

/** A run and the process that has it in hand. */
type Kept = StoredRun & { readonly holder?: string | undefined }

/** Room for one more in hand. */
const ROOM = `(select count(*) from acme_runs o where o.holder is not null and o.id <> $4) < $6
  and (select count(*) from acme_runs o where o.holder is not null and o.id <> $4 and o.pipeline = $7) < $8`

export function createLedger(store: Store, now: () => number, changed: (id: string) => void): Ledger {
  const wake = (key: string, at?: number) => ({ queue: QUEUE, key, ...(at === undefined ? {} : { at }) })
  const where = async (is: (run: Kept) => boolean) =>
    (await store.all('select run from acme_runs order by at desc, id desc')).map(runOf).filter(is)
  const ids = async (is: (run: Kept) => boolean) => (await where(is)).map(({ id }) => id)
  const steps = async (id: string) => [...((await load(id))?.nodes.values() ?? [])]

  async function load(id: string): Promise<Kept | undefined> {
    const [row] = await store.all('select run from acme_runs where id = $1', id)
    return row && runOf(row)
  }

  /** Writes `next` over the version before it; `false`, and nothing, when that is not there any more. */
  async function replace(next: Kept, options: WriteOptions = {}, room: readonly (string | number)[] = []) {
    const sql = `update acme_runs set version = $1, holder = $2, run = $3 where id = $4 and version = $5
      ${room.length > 0 ? `and ${ROOM}` : ''}`
    const args = [next.version, next.holder ?? null, textOf(next), next.id, next.version - 1, ...room]
    try {
      await store.write([{ sql, args, expect: 1 }], options)
    } catch (error) {
      if (isClonedError(error) && error.code === 'STORE_CONFLICT') return false
      throw error
    }
    changed(next.id)
    return true
  }

  /** Makes what `make` answers of the run as it is now; `undefined`, and nothing, when it answers nothing. */
  async function update(id: string, make: (run: Kept) => Kept | undefined, options?: WriteOptions) {
    for (;;) {
      const run = await load(id)
      const next = run && make(run)
      if (!next) return undefined
      if (await replace({ ...next, version: run.version + 1 }, options)) return next
    }
  }

  /** The same by the hand that has the run; throws once that is another one. */
  async function byHand({ id, epoch }: Held, make: (run: Kept) => Kept, options?: WriteOptions): Promise<Kept> {
    const next = await update(id, (run) => (run.epoch === epoch ? make(run) : undefined), options)
    if (next) return next
    throw new ClonedError('STORE_CONFLICT', { statement: 1, found: 'the run is in another hand', expected: 1 })
  }

  return {
    load,
    glance: load,
    async insert(run) {
      const sql = 'insert into acme_runs (id, at, version, pipeline, run) values ($1, $2, $3, $4, $5)'
      const args = [run.id, run.createdAt, run.version, run.definition.id, textOf(run)]
      await store.write([{ sql, args }], { wakes: [wake(run.id)] })
      changed(run.id)
    },
    ids: async (limit) => (await ids(() => true)).slice(0, limit),
    open: async (limit, after = '') =>
      (await ids(({ id, state }) => id > after && (state === 'running' || state === 'waiting'))).sort().slice(0, limit),
    awaited: async (id) =>
      (await steps(id)).flatMap(({ state, approval }) =>
        approval !== undefined && (state === 'waiting' || state === 'indeterminate') ? [approval] : [],
      ),
    sleeps: async (id) => (await steps(id)).some(({ state, due = 0 }) => state === 'pending' && due > now()),
    holders: async () => (await where(() => true)).flatMap(({ holder }) => holder ?? []),
    cancelled: (holder) => ids((run) => run.holder === holder && run.state === 'cancelled'),
    async take(run, { holder, instance, limits }) {
      const { id, definition, epoch, state } = run
      const carriers = [...new Set([...run.carriers, instance])]
      const running = state === 'cancelled' ? state : 'running'
      const taken = { ...run, epoch: epoch + 1, version: run.version + 1, holder, carriers, state: running } as const
      const room = [limits.workspace, definition.id, limits.pipeline]
      return (await replace(taken, {}, room)) ? { id, epoch: taken.epoch } : undefined
    },
    async free(holder) {
      for (const id of await ids((run) => run.holder === holder))
        await update(id, (run) => (run.holder === holder ? { ...run, holder: undefined } : undefined))
    },
    write: async (held, nodes) => (await byHand(held, (run) => withNodes(run, nodes))).state,
    // Every write of a run waits for the disk here, so there is nothing left to wait for.
    sync: async () => {},
    async leave(held, { to, wakeAt }) {
      const left = (run: Kept): Kept => {
        const idle = { ...run, holder: undefined, carriers: [] }
        // An end counts also when somebody has paused the run meanwhile, and nothing does once it has ended.
        if (!to || hasEnded(run.state) || (run.state === 'paused' && !hasEnded(to.state))) return idle
        return { ...idle, ...(to as Partial<Kept>), ...(hasEnded(to.state) ? { endedAt: now() } : {}) }
      }
      await byHand(held, left, wakeAt === undefined ? {} : { wakes: [wake(held.id, wakeAt)] })
    },
    async change(id, { from, version, to, steps: given, wake: wakes = false }, nodes = []) {
      const next = await update(
        id,
        (run) => {
          if (!from.includes(run.state) || (version ?? run.version) !== run.version) return undefined
          const { error: _, output: __, endedAt: ___, ...open } = run
          const moved = [...run.nodes.values()].flatMap(({ due: _, ...node }) =>
            given?.were.includes(node.state) ? [{ ...node, state: given.became, endedAt: now() }] : [],
          )
          return { ...withNodes(open, [...moved, ...nodes]), state: to, ...(hasEnded(to) ? { endedAt: now() } : {}) }
        },
        wakes ? { wakes: [wake(id)] } : {},
      )
      return next !== undefined
    },
    async wake(id, at) {
      await store.write([], { durable: false, wakes: [wake(id, at)] })
    },
  }
}

function withNodes(run: Kept, nodes: readonly Node[]): Kept {
  return { ...run, nodes: new Map([...run.nodes, ...nodes.map((node) => [node.path, node] as const)]) }
}

function textOf(run: Kept): string {
  return JSON.stringify({ ...run, nodes: [...run.nodes.values()] })
}

function runOf({ run }: Row): Kept {
  const kept = JSON.parse(String(run)) as Omit<Kept, 'nodes'> & { readonly nodes: readonly Node[] }
  return { ...kept, nodes: new Map(kept.nodes.map((node) => [node.path, node])) }
}
