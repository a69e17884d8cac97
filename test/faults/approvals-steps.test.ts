// The rules for a process that dies between any two steps of a decision or a use: nothing counts by halves, and it goes on.
import type { AskShown, Decision, Outcome, StoredAction } from 'cloned/kernel'
import { sha256 } from 'cloned/kernel'
import { describe, expect, it } from 'vitest'
import { createApprovals } from '../../plugins/approvals/approvals.js'
import { type ApprovalsWorld, approvalsWorld } from '../plugins/approvals-fixture.js'

const ASK: AskShown = { plugin: 'test.policy', key: 'edit', reason: 'it edits' }
const BY = { id: 'user:boss', claimed: false, osUser: 'decider' }
const REF = { callId: 'c1', instance: 'i1' }
const GRANT = { schema: { type: 'object' }, hosts: [], count: 1, until: 1_800_000_000_000 + 1000 }

function action(name: string): StoredAction {
  const actor = { id: 'agent:x', claimed: true, osUser: 'requester' }
  const digest = sha256(name)
  return { kind: 'tool.call', target: 'test.edit@v1', input: { name }, actor, digest, contract: '1', about: {} }
}

class Death extends Error {}

/** Approvals of a process that dies at its n-th write, before or after it. */
function dying(world: ApprovalsWorld, n: number, when: 'before' | 'after') {
  let step = 0
  const mortal =
    <A extends unknown[], R>(work: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      const last = ++step === n
      if (step > n || (last && when === 'before')) throw new Death()
      const result = await work(...args)
      if (last) throw new Death()
      return result
    }
  const store = { all: world.store.all.bind(world.store), write: mortal(world.store.write.bind(world.store)) }
  const audit = { ...world.audit, append: mortal(world.audit.append) }
  const approvals = createApprovals({
    store,
    audit,
    now: () => world.levers.now,
    osUser: () => 'decider',
    policy: { snapshot: () => ({ approvals: world.levers.rules }) as never },
    gate: {
      onApproval: () => 'caller',
      resume: async () => ({ status: 'denied' }) as Outcome,
      edit: async (_, input) => {
        const { name } = input as { name: string }
        const { request: approval } = await approvals.open(action(name), [ASK])
        return { status: 'pending', callId: 'e', ballot: [], approval, delivered: [], reason: '', help: '' }
      },
    },
    decided: () => undefined,
  })
  return { approvals, lived: () => step < n }
}

const decisions: readonly [name: string, decision: Decision][] = [
  ['an approval', { verdict: 'approve', by: BY }],
  ['a denial', { verdict: 'deny', by: BY }],
  ['an approval with a grant', { verdict: 'approve', by: BY, grant: GRANT }],
  ['an approval of edited arguments', { verdict: 'approve', by: BY, edit: { name: 'edited' } }],
]

describe.each(decisions)('%s that is cut off', (_, decision) => {
  it.each(['before', 'after'] as const)(
    '%s any of its writes leaves nothing by halves, and the call can be decided again',
    async (when) => {
      for (let n = 1, lived = false; !lived; n++) {
        const world = await approvalsWorld()
        try {
          const { request } = await world.approvals.open(action('a'), [ASK])
          const mortal = dying(world, n, when)
          const ended = await mortal.approvals.decide(request.id, decision).then(
            () => 'decided',
            (error: unknown) => (error instanceof Death ? 'died' : String(error)),
          )
          lived = mortal.lived()
          expect(ended).toBe(lived ? 'decided' : 'died')

          const state = (await world.approvals.get(request.id))?.state
          const edited = (await world.approvals.list()).find(({ id }) => id !== request.id)
          const grants = await world.approvals.grants.list()
          const whole = { deny: ['denied'], approve: [decision.edit ? 'edited' : 'approved'] }[decision.verdict]
          expect(['pending', ...whole]).toContain(state)
          // What goes with a decision is there with it, and not without it.
          if (decision.grant) expect(grants).toHaveLength(state === 'approved' ? 1 : 0)
          if (decision.edit) expect(edited?.state ?? 'pending').toBe(state === 'edited' ? 'approved' : 'pending')
          expect((await world.approvals.match(sha256('a'), [ASK]))?.id).toBe(
            state === 'approved' ? request.id : undefined,
          )

          if (state !== 'pending') continue
          // A person says yes, to this request or, where the log holds a word against it, to the next one.
          const yes = { verdict: 'approve', by: BY } as const
          await world.approvals.decide(request.id, yes)
          if (!(await world.approvals.match(sha256('a'), [ASK]))) {
            await world.approvals.decide((await world.approvals.open(action('a'), [ASK])).request.id, yes)
          }
          const found = await world.approvals.match(sha256('a'), [ASK])
          expect((await world.approvals.take(REF, found?.id ?? '', { digest: sha256('a'), asks: [ASK] })).ok).toBe(true)
        } finally {
          await world.close()
        }
      }
    },
  )
})

describe('a request that is cut off while it is opened', () => {
  it.each(['before', 'after'] as const)('%s any write is opened once by the next', async (when) => {
    for (let n = 1, lived = false; !lived; n++) {
      const world = await approvalsWorld()
      try {
        const mortal = dying(world, n, when)
        await mortal.approvals.open(action('a'), [ASK]).catch((error: unknown) => {
          if (!(error instanceof Death)) throw error
        })
        lived = mortal.lived()
        const { request } = await world.approvals.open(action('a'), [ASK])
        expect(await world.approvals.list()).toHaveLength(1)
        expect((await world.approvals.decide(request.id, { verdict: 'approve', by: BY })).request.state).toBe(
          'approved',
        )
      } finally {
        await world.close()
      }
    }
  })
})

describe('a revocation that is cut off', () => {
  it.each(['before', 'after'] as const)('%s any write is in force or was never made', async (when) => {
    for (let n = 1, lived = false; !lived; n++) {
      const world = await approvalsWorld()
      try {
        const { request } = await world.approvals.open(action('a'), [ASK])
        await world.approvals.decide(request.id, { verdict: 'approve', by: BY, grant: GRANT })
        const id = request.id.replace('ap_', 'gr_')
        const mortal = dying(world, n, when)
        await mortal.approvals.grants.revoke(id, BY).catch((error: unknown) => {
          if (!(error instanceof Death)) throw error
        })
        lived = mortal.lived()
        const recorded = world.audit.records().some(({ record }) => record['type'] === 'approval.grant_revoked')
        const found = await world.approvals.grants.match(action('b'), [ASK])
        expect(found?.id).toBe(recorded ? undefined : id)
      } finally {
        await world.close()
      }
    }
  })
})
