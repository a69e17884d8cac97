// Decides what became of steps that a hand left without a word; never lets one be repeated that may have had its effect.
import { type AuditLog, type CallHistory, ClonedError, type JsonObject, type ToolContract } from 'cloned/kernel'
import { actorIdOf, keyOf, pathOf } from './active.js'
import { errorOf } from './errors.js'
import type { Node, StoredRun } from './tables.js'

/** What the decision rests on. */
export interface Evidence {
  readonly audit: Pick<AuditLog, 'calls'>
  /** The tool of a step, where it is known. */
  readonly tool: (path: string) => ToolContract | undefined
  readonly now: () => number
}

const OPEN = new Set<Node['state']>(['running', 'pending', 'waiting', 'indeterminate'])

/**
 * The steps of a run that are not what their rows say, as they are now: to be repeated (`pending`) when the call was never
 * let through, did nothing, or may be made twice; else `indeterminate`. A call is let through only after its intent is
 * durable with the key of its step, so a log without one proves that nothing ran.
 */
export async function settleInterrupted(run: StoredRun, { audit, tool, now }: Evidence): Promise<readonly Node[]> {
  if (run.carriers.length === 0) return []
  const tried = byPath(run, await audit.calls(run.carriers))
  const found: Node[] = []
  for (const path of new Set([...tried.keys(), ...run.nodes.keys()])) {
    const node = run.nodes.get(path) ?? unbegun(path, now())
    if (!OPEN.has(node.state)) continue
    const unknown = (tried.get(path) ?? []).filter(({ callId }) => !node.calls.includes(callId))
    const last = unknown.at(-1)
    const calls = [...node.calls, ...unknown.map(({ callId }) => callId)]
    if (!last) {
      if (node.state === 'running') found.push({ ...node, state: 'pending' })
    } else if (unknown.every(ranNothing) || tool(path)?.idempotent) {
      found.push({ ...bare(node), state: 'pending', calls })
    } else {
      const happened = unknown.some(({ outcome }) => outcome?.record['status'] === 'done')
      const error = new ClonedError('RUN_STEP_INDETERMINATE', { step: path, tool: tool(path)?.id ?? '', run: run.id })
      const effect = happened ? ('happened' as const) : ('unknown' as const)
      found.push({ ...bare(node), state: 'indeterminate', calls, error: { ...errorOf(error), effect } })
    }
  }
  return found
}

/** The calls that this run itself made, by the path of their step. */
function byPath(run: StoredRun, calls: readonly CallHistory[]): Map<string, CallHistory[]> {
  const prefix = keyOf(run.id, '')
  const found = new Map<string, CallHistory[]>()
  for (const call of calls) {
    const { actor, parent, idempotency_key: key } = call.intent.record as JsonObject
    if (parent !== undefined || typeof key !== 'string' || !key.startsWith(prefix)) continue
    const { id, claimed } = (actor ?? {}) as JsonObject
    if (id !== actorIdOf(run.id) || claimed !== false) continue
    const path = pathOf(key)
    if (path === undefined) continue
    found.set(path, [...(found.get(path) ?? []), call])
  }
  return found
}

function ranNothing({ outcome }: CallHistory): boolean {
  return outcome?.record['effect'] === 'none' || outcome?.record['status'] === 'denied'
}

function unbegun(path: string, at: number): Node {
  return { path, state: 'pending', calls: [], attempts: 0, startedAt: at }
}

/** What is left of a step when its wait or its end does not count. */
function bare({ path, calls, attempts, startedAt }: Node): Omit<Node, 'state'> {
  return { path, calls, attempts, startedAt }
}
