// Drops the inputs of requests that ended long ago; must never touch one that can still be decided, used or recovered.
import type { Json, JsonObject } from 'cloned/kernel'
import { canonical } from 'cloned/kernel'
import type { Statement, Store } from '../store/slot.js'

/** How long the input of an ended request can still be looked at. */
export const KEEP_INPUT_MS = 7 * 24 * 3_600_000
/** So few at a time that nobody waits for it. */
const MOST = 20

/** Drops the inputs of some requests that ended longer ago than {@link KEEP_INPUT_MS}; called by and by. */
export async function dropInputs(store: Pick<Store, 'all' | 'write'>, now: number): Promise<void> {
  const rows = await store.all(
    `select id, action from approvals
     where input_dropped is null and expires_at <= cast($1 as bigint) and state <> 'taken' limit ${MOST}`,
    now - KEEP_INPUT_MS,
  )
  if (rows.length === 0) return
  const batch = rows.map(({ id, action }): Statement => {
    const kept: Json = { ...(JSON.parse(String(action)) as JsonObject), input: null }
    return {
      sql: `update approvals
            set action = $2, input_dropped = cast($3 as bigint),
                state = case when state in ('pending', 'approved') then 'expired' else state end
            where id = $1 and state <> 'taken'`,
      args: [String(id), canonical(kept), now],
    }
  })
  await store.write(batch, { durable: false })
}
