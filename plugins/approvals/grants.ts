// Keeps standing grants: finds the one that covers an action, lists and revokes them; the log decides what a grant is.
import {
  type Actor,
  type AskShown,
  ClonedError,
  digest,
  type Grant,
  type Grants,
  type GrantTerms,
  type Json,
  type StoredAction,
  toolCall,
} from 'cloned/kernel'
import type { Policy } from '../policy/slot.js'
import type { Row, Store } from '../store/slot.js'
import { covers as coversAsks } from './asks.js'
import { ruleFor } from './authority.js'
import { actorJson } from './documents.js'
import { type Bound, doubtGrant, type Log } from './evidence.js'
import { GrantHistory } from './grant-history.js'
import { covers } from './grant-terms.js'

export interface GrantsDeps {
  readonly store: Pick<Store, 'all' | 'write'>
  readonly policy: Pick<Policy, 'snapshot'>
  readonly audit: Log
  readonly now: () => number
}

/** The grants of a workspace, and the check that a take of one needs. */
export interface CheckedGrants extends Grants {
  /** Why a grant must not be used by this call; `undefined` when the log shows it as given, in force and not used up. */
  doubt(grant: Grant, callId: string | undefined): Promise<string | undefined>
  get(grantId: string): Promise<Grant | undefined>
}

/** What a decision's record says of the grant that it gives. */
export function grantDigest(grant: Omit<Grant, 'used' | 'revokedAt' | 'grantedBy' | 'grantedAt'>): string {
  const { id, approval, tool, contract, actor, asks, terms } = grant
  return digest({ id, approval, tool, contract, actor, asks, terms } as unknown as Json)
}

/** The grant that a request would give. */
export function grantOf(request: { id: string; action: StoredAction; asks: readonly AskShown[] }, terms: GrantTerms) {
  const { target: tool, contract, actor } = request.action
  return {
    id: request.id.replace(/^ap_/, 'gr_'),
    approval: request.id,
    tool,
    contract,
    actor,
    asks: request.asks,
    terms,
  }
}

const SELECT = `select g.*, (select count(*) from approvals_grant_uses u where u.grant_id = g.id) as used
                from approvals_grants g`

export function createGrants({ store, policy, audit, now }: GrantsDeps): CheckedGrants {
  const history = new GrantHistory(audit)
  /** Grants whose giving was found in the log; a record never goes away but by pruning. Keyed by all that it proves. */
  const proven = new Set<string>()

  async function given(row: Row, grant: Grant): Promise<string | undefined> {
    const key = `${row['requested_seq']} ${row['bound']} ${grantDigest(grant)}`
    if (proven.has(key)) return undefined
    const bound = JSON.parse(String(row['bound'])) as Bound
    if (bound.approval !== grant.approval) return 'it names another approval than it was given with'
    const doubt = await doubtGrant(audit, bound, grantDigest(grant), Number(row['requested_seq']))
    if (doubt === undefined) {
      if (proven.size >= 1000) proven.clear()
      proven.add(key)
    }
    return doubt
  }

  async function doubted(row: Row, grant: Grant, callId: string | undefined): Promise<string | undefined> {
    const rule = ruleFor(policy.snapshot().approvals, { kind: toolCall.id, target: grant.tool })
    if (rule?.grants === 'deny') return `the policy does not allow grants for it (${rule.at})`
    if (grant.revokedAt !== undefined) return 'the grant was revoked'
    if (grant.terms.until <= now()) return 'the grant is over'
    const doubt = await given(row, grant)
    if (doubt !== undefined) return doubt
    const { revoked, uses } = await history.of(grant.id, Number(row['requested_seq']))
    if (revoked) return 'the audit log shows the grant as revoked'
    const others = uses.filter((use) => use !== callId).length
    return others < grant.terms.count ? undefined : 'the audit log shows the grant as used up'
  }

  async function rowOf(grantId: string): Promise<Row> {
    const [row] = await store.all(`${SELECT} where g.id = $1`, grantId)
    if (row) return row
    throw new ClonedError('APPROVAL_UNKNOWN', { approval: grantId })
  }

  return {
    async match(action, asks) {
      if (action.kind !== toolCall.id) return undefined
      const rows = await store.all(
        `${SELECT} where g.tool = $1 and g.revoked_at is null and g.until > cast($2 as bigint) order by g.until, g.id`,
        ...[action.target, now()],
      )
      for (const row of rows) {
        const grant = readGrant(row)
        if (grant.used >= grant.terms.count || !isFor(grant, action) || !coversAsks(grant.asks, asks)) continue
        if (covers(grant.terms, action.input) && (await doubted(row, grant, undefined)) === undefined) return grant
      }
      return undefined
    },

    list: async () => (await store.all(`${SELECT} order by g.granted_at desc, g.id desc`)).map(readGrant),

    get: async (grantId) => {
      const [row] = await store.all(`${SELECT} where g.id = $1`, grantId)
      return row && readGrant(row)
    },

    async doubt(grant, callId) {
      return doubted(await rowOf(grant.id), grant, callId)
    },

    async revoke(grantId, by: Actor, reason) {
      const row = await rowOf(grantId)
      if (row['revoked_at'] !== null) return readGrant(row)
      const at = now()
      // In force from this record on, whatever becomes of the row.
      await audit.append({
        type: 'approval.grant_revoked',
        ts: new Date(at).toISOString(),
        approval: grantId,
        by: actorJson(by),
        ...(reason === undefined ? {} : { reason }),
      })
      await store.write([
        {
          sql: 'update approvals_grants set revoked_at = cast($2 as bigint) where id = $1 and revoked_at is null',
          args: [grantId, at],
        },
      ])
      return readGrant(await rowOf(grantId))
    },
  }
}

function isFor({ tool, contract, actor }: Grant, action: StoredAction): boolean {
  const { id, claimed, osUser } = action.actor
  return (
    tool === action.target &&
    contract === action.contract &&
    actor.id === id &&
    actor.claimed === claimed &&
    actor.osUser === osUser
  )
}

function readGrant(row: Row): Grant {
  return {
    id: String(row['id']),
    approval: String(row['approval']),
    tool: String(row['tool']),
    contract: String(row['contract']),
    actor: JSON.parse(String(row['actor'])) as Actor,
    asks: JSON.parse(String(row['asks'])) as readonly AskShown[],
    terms: JSON.parse(String(row['terms'])) as GrantTerms,
    grantedBy: JSON.parse(String(row['granted_by'])) as Actor,
    grantedAt: Number(row['granted_at']),
    used: Number(row['used']),
    ...(row['revoked_at'] === null ? {} : { revokedAt: Number(row['revoked_at']) }),
  }
}
