// Makes approvals over a real store and a log in memory, with a clock and a policy that a test can change.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ApprovalRequest, type Approvals, type Json, type Outcome, sha256 } from 'cloned/kernel'
import { createStore, type EmbeddedStore } from 'cloned/plugins/store'
import { type MemoryAudit, memoryAudit } from 'cloned/testing'
import { createApprovals, MIGRATIONS } from '../../plugins/approvals/approvals.js'
import { createEscalate } from '../../plugins/approvals/escalate.js'
import type { CheckedGrants } from '../../plugins/approvals/grants.js'
import type { Escalation } from '../../plugins/approvals/slot.js'
import type { PolicySnapshot } from '../../plugins/policy/slot.js'

export const EXPIRES_MS = 60_000

/** What a test may change between two calls. */
export interface Levers {
  now: number
  rules: PolicySnapshot['approvals']
  osUser: string
  /** Kinds of action that run when they are approved. */
  executes: readonly string[]
  policyFails: Error | undefined
}

export interface ApprovalsWorld {
  readonly approvals: Approvals & { readonly grants: CheckedGrants }
  readonly store: EmbeddedStore
  readonly audit: MemoryAudit
  readonly levers: Levers
  /** What `onApprovalDecided` would hear. */
  readonly decided: ApprovalRequest[]
  /** Approvals that the gate was told to resume. */
  readonly resumed: string[]
  readonly escalations: Escalation[]
  escalate(id: string): Promise<void>
  /** Approvals of another process on the same store. */
  another(): Promise<Approvals & { readonly grants: CheckedGrants }>
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
    rules: { expiresMs: EXPIRES_MS, selfDecision: true, maxPendingPerActor: 1000, approvers: [], rules: [] },
    osUser: 'decider',
    executes: [],
    policyFails: undefined,
  }
  const audit = memoryAudit()
  const decided: ApprovalRequest[] = []
  const resumed: string[] = []
  const stores: EmbeddedStore[] = []

  const escalations: Escalation[] = []
  const policy = {
    snapshot: () => {
      if (levers.policyFails) throw levers.policyFails
      return { approvals: levers.rules } as PolicySnapshot
    },
  }

  const open = async () => {
    const store = createStore({ path: join(directory, 'state.db'), now: () => levers.now })
    stores.push(store)
    await store.open()
    await store.migrate('cloned.approvals', MIGRATIONS)
    const approvals: Approvals & { readonly grants: CheckedGrants } = createApprovals({
      store,
      audit,
      now: () => levers.now,
      osUser: () => levers.osUser,
      policy,
      gate: {
        onApproval: (kind) => (levers.executes.includes(kind) ? 'execute' : 'caller'),
        edit: (id, input) => edit(approvals, id, input),
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
    escalations,
    escalate: createEscalate({
      store,
      policy,
      audit,
      now: () => levers.now,
      escalated: (one) => escalations.push(one),
    }),
    another: async () => (await open()).approvals,
    async close() {
      for (const each of stores) await each.close()
      await rm(directory, { recursive: true })
    },
  }
}

/** What the gate does with an edit that nobody denies. */
async function edit(approvals: Approvals, id: string, input: Json): Promise<Outcome> {
  const request = await approvals.get(id)
  if (!request) throw new Error('unknown')
  const action = { ...request.action, input, digest: sha256(JSON.stringify(input)) }
  const { request: approval } = await approvals.open(action, request.asks)
  return { status: 'pending', callId: 'edit', ballot: [], approval, delivered: [], reason: 'asked', help: '' }
}
