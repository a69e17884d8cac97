// Makes budgets over a real store, with a clock and caps that a test can change.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Actor, Json, ToolCall, ToolCost } from 'cloned/kernel'
import { type BudgetWarning, createBudgets, type OpenBudgets } from 'cloned/plugins/budgets'
import { createStore, type EmbeddedStore } from 'cloned/plugins/store'
import { MIGRATIONS } from '../../plugins/budgets/schema.js'
import type { BudgetCap, PolicySnapshot } from '../../plugins/policy/slot.js'

export const START = 1_800_000_000_000
export const HOUR = 3_600_000

type Opened = OpenBudgets & { readonly store: EmbeddedStore }

export interface BudgetsWorld extends Opened {
  /** What a test may change between two calls. */
  readonly levers: { now: number; caps: readonly BudgetCap[] }
  /** The store's file. */
  readonly path: string
  /** Warnings of all processes so far. */
  readonly warnings: BudgetWarning[]
  /** Calls that reached the store since the last question. */
  touched(): number
  /** Forgets everything that was taken. */
  clear(): Promise<void>
  /** Budgets of another process on the same store. */
  another(): Promise<Opened>
  close(): Promise<void>
}

export async function budgetsWorld(caps: readonly BudgetCap[] = []): Promise<BudgetsWorld> {
  const directory = await mkdtemp(join(tmpdir(), 'cloned-budgets-'))
  const levers = { now: START, caps }
  const stores: EmbeddedStore[] = []
  const warnings: BudgetWarning[] = []
  let touched = 0
  let snapshot = snapshotWith(caps)

  const open = async (): Promise<Opened> => {
    const store = createStore({ path: join(directory, 'state.db'), now: () => levers.now })
    stores.push(store)
    await store.open()
    await store.migrate('cloned.budgets', MIGRATIONS)
    const counting: Pick<EmbeddedStore, 'all' | 'write'> = {
      all: (...args) => {
        touched++
        return store.all(...args)
      },
      write: (...args) => {
        touched++
        return store.write(...args)
      },
    }
    const policy = {
      snapshot: () => {
        if (snapshot.budgets !== levers.caps) snapshot = snapshotWith(levers.caps)
        return snapshot
      },
    }
    return {
      ...createBudgets({ store: counting, policy, now: () => levers.now, warn: (warning) => warnings.push(warning) }),
      store,
    }
  }

  const opened = await open()
  return {
    ...opened,
    levers,
    path: join(directory, 'state.db'),
    warnings,
    touched() {
      const count = touched
      touched = 0
      return count
    },
    async clear() {
      const tables = ['budget_used', 'budget_takes', 'budget_settled']
      await opened.store.write(tables.map((table) => ({ sql: `delete from ${table}` })))
      levers.now = START
      warnings.length = 0
    },
    another: open,
    async close() {
      for (const store of stores) await store.close()
      await rm(directory, { recursive: true })
    },
  }
}

/** A call of a tool, as a reserve sees it. */
export function callOf(
  cost: Readonly<Record<string, ToolCost>> = {},
  id = 'test.tool@v1',
  { actor = { id: 'user:x', claimed: false, osUser: 'x' }, input = {} }: { actor?: Actor; input?: Json } = {},
): ToolCall {
  return {
    callId: 'unused',
    kind: 'tool.call',
    target: id,
    actor,
    input,
    digest: '0'.repeat(64),
    at: START,
    depth: 0,
    dryRun: false,
    tool: {
      id,
      title: id,
      description: '',
      input: { type: 'object' },
      output: {},
      risk: 'low',
      capability: 'test',
      idempotent: false,
      cost,
      timeoutMs: 1000,
    },
  }
}

export function refOf(callId: string, instance = 'i1') {
  return { callId, instance }
}

/** A policy with these caps and nothing else of note. */
export function snapshotWith(budgets: readonly BudgetCap[]): PolicySnapshot {
  return {
    epoch: 1,
    pack: 'personal',
    digest: '0'.repeat(64),
    overlay: null,
    drift: false,
    tools: { deny: [], ask: [], allow: [], risk: { low: 'allow', medium: 'ask', high: 'ask' } },
    capabilities: { deny: [], ask: [], allow: [] },
    publishers: { deny: [], ask: [], allow: [], others: 'deny' },
    actions: {},
    approvals: { expiresMs: HOUR, selfDecision: true, maxPendingPerActor: 50, approvers: [], rules: [] },
    writes: { tightening: 'ask' },
    limits: { depth: 8, timeoutMs: 86_400_000 },
    ui: { origins: [] },
    budgets,
    egress: { global: { deny: [], allow: [] }, connectors: {}, tools: {} },
  }
}
