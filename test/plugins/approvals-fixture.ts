// Makes approvals over a real store and a log in memory, with a clock and a policy that a test can change.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ApprovalRequest, Approvals, Outcome } from 'cloned/kernel'
import { createStore, type EmbeddedStore } from 'cloned/plugins/store'
import { type MemoryAudit, memoryAudit } from 'cloned/testing'
import { createApprovals, MIGRATIONS } from '../../plugins/approvals/approvals.js'

export const EXPIRES_MS = 60_000

/** What a test may change between two calls. */
export interface Levers {
  now: number
  selfDecision: boolean
  osUser: string
  /** Kinds of action that run when they are approved. */
  executes: readonly string[]
  policyFails: Error | undefined
}

export interface ApprovalsWorld {
  readonly approvals: Approvals
  readonly store: EmbeddedStore
  readonly audit: MemoryAudit
  readonly levers: Levers
  /** What `onApprovalDecided` would hear. */
  readonly decided: ApprovalRequest[]
  /** Approvals that the gate was told to resume. */
  readonly resumed: string[]
  /** Approvals of another process on the same store. */
  another(): Promise<Approvals>
  close(): Promise<void>
}

export const RESUMED: Outcome = {
  status: 'done',
  callId: 'resumed',
  ballot: [],
  output: 'written',
  record: { seq: 1, hash: '0'.repeat(64) },
}

export async function approvalsWorld(): Promise<ApprovalsWorld> {
  const directory = await mkdtemp(join(tmpdir(), 'cloned-approvals-'))
  const levers: Levers = {
    now: 1_800_000_000_000,
    selfDecision: true,
    osUser: 'decider',
    executes: [],
    policyFails: undefined,
  }
  const audit = memoryAudit()
  const decided: ApprovalRequest[] = []
  const resumed: string[] = []
  const stores: EmbeddedStore[] = []

  const open = async () => {
    const store = createStore({ path: join(directory, 'state.db'), now: () => levers.now })
    stores.push(store)
    await store.open()
    await store.migrate('cloned.approvals', MIGRATIONS)
    const approvals = createApprovals({
      store,
      audit,
      now: () => levers.now,
      osUser: () => levers.osUser,
      policy: {
        snapshot: () => {
          if (levers.policyFails) throw levers.policyFails
          return snapshotWith(levers.selfDecision)
        },
      },
      gate: {
        onApproval: (kind) => (levers.executes.includes(kind) ? 'execute' : 'caller'),
        resume: async (id) => {
          resumed.push(id)
          return RESUMED
        },
      },
      decided: (request) => decided.push(request),
    })
    return { store, approvals }
  }
  const { store, approvals } = await open()
  return {
    approvals,
    store,
    audit,
    levers,
    decided,
    resumed,
    another: async () => (await open()).approvals,
    async close() {
      for (const each of stores) await each.close()
      await rm(directory, { recursive: true })
    },
  }
}

function snapshotWith(selfDecision: boolean) {
  return {
    epoch: 1,
    pack: 'personal' as const,
    digest: '0'.repeat(64),
    overlay: null,
    drift: false,
    tools: { deny: [], ask: [], allow: [], risk: { low: 'allow', medium: 'ask', high: 'ask' } as const },
    actions: {},
    approvals: { expiresMs: EXPIRES_MS, selfDecision },
    budgets: [],
  }
}
