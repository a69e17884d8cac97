// Keeps who said that which connector runs without a sandbox; must never lengthen or invent a word.
import type { Store } from '../store/slot.js'
import type { SandboxExemption } from './slot.js'

const OWNER = 'cloned.sandbox'
const STEPS = [
  [
    'create table sandbox_exemptions (connector text primary key, reason text not null, until bigint not null, by_actor text not null)',
  ],
]

export interface Exemptions {
  open(): Promise<void>
  inForce(): Promise<readonly SandboxExemption[]>
  put(exemption: SandboxExemption): Promise<void>
  remove(connector: string): Promise<void>
}

export function createExemptions(store: Store, now: () => number): Exemptions {
  return {
    open: () => store.migrate(OWNER, STEPS),
    async inForce() {
      const rows = await store.all('select * from sandbox_exemptions where until > $1 order by connector', now())
      return rows.map(({ connector, reason, until, by_actor }) => ({
        connector: String(connector),
        reason: String(reason),
        until: Number(until),
        by: String(by_actor),
      }))
    },
    async put({ connector, reason, until, by }) {
      await store.write([
        { sql: 'delete from sandbox_exemptions where connector = $1', args: [connector] },
        {
          sql: 'insert into sandbox_exemptions (connector, reason, until, by_actor) values ($1, $2, $3, $4)',
          args: [connector, reason, until, by],
        },
      ])
    },
    async remove(connector) {
      await store.write([{ sql: 'delete from sandbox_exemptions where connector = $1', args: [connector] }])
    },
  }
}
