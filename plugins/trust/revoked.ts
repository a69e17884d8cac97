// Decides whether something was revoked; what cannot be told from a list that is missing or old is for strict mode to refuse.
import { ClonedError } from 'cloned/kernel'
import satisfies from 'semver/functions/satisfies.js'
import validRange from 'semver/ranges/valid.js'
import type { RevocationEntry } from './documents.js'
import type { PackageIdentity } from './slot.js'
import type { TrustState } from './state.js'

/** Why the revocations say less than they should. */
export function staleness(
  { revocations, root }: TrustState,
  drift: string | undefined,
  now: number,
): string | undefined {
  if (drift !== undefined) return `${drift} is not what was approved`
  if (!root || !revocations) return 'there are none'
  if (Date.parse(revocations.expires) <= now) return `they expired ${revocations.expires}`
  return undefined
}

/** The thumbprints of keys that count no more for what was installed at this time. */
export function revokedKeys(state: TrustState, installedAt: number | undefined): ReadonlySet<string> {
  const entries = state.revocations?.entries ?? []
  return new Set(
    entries.flatMap((entry) =>
      entry.kind === 'key' && entry.kid !== undefined && counts(entry, installedAt) ? [entry.kid] : [],
    ),
  )
}

/** The publishers of whom nothing new is taken any more. */
export function revokedPublishers({ revocations }: TrustState): ReadonlySet<string> {
  const entries = revocations?.entries ?? []
  return new Set(
    entries.flatMap(({ kind, publisher_id: id }) => (kind === 'publisher' && id !== undefined ? [id] : [])),
  )
}

/** Throws `TRUST_REVOKED` for the first entry that hits. */
export function mustNotBeRevoked(state: TrustState, identity: PackageIdentity): void {
  for (const entry of state.revocations?.entries ?? []) {
    const what = counts(entry, identity.installedAt) ? hit(entry, identity) : undefined
    if (what !== undefined) throw new ClonedError('TRUST_REVOKED', { what, reason: entry.reason })
  }
  const revoked = revokedKeys(state, identity.installedAt)
  const publisher = state.publishers.get(identity.publisher)
  const left = identity.kids.filter((kid) => state.keys.get(kid)?.publisher === identity.publisher && !revoked.has(kid))
  if (left.length >= (publisher?.threshold ?? 1)) return
  const gone = identity.kids.find((kid) => revoked.has(kid))
  const entry = state.revocations?.entries.find(({ kid }) => kid === gone)
  throw new ClonedError('TRUST_REVOKED', {
    what: `key ${gone ?? identity.kids.join(', ')}`,
    reason: entry?.reason ?? 'it is gone',
  })
}

function counts({ effective, compromised_at }: RevocationEntry, installedAt: number | undefined): boolean {
  if (effective === 'always' || installedAt === undefined || compromised_at === undefined) return true
  return installedAt >= Date.parse(compromised_at)
}

function hit(entry: RevocationEntry, { id, version, digest, publisher, tools }: PackageIdentity): string | undefined {
  switch (entry.kind) {
    case 'publisher':
      return entry.publisher_id === publisher ? `publisher ${publisher}` : undefined
    case 'digest':
      return entry.digest === digest ? `package ${digest}` : undefined
    case 'tool':
      return tools.find((tool) => tool === entry.id)
    case 'package':
      return entry.id === id && inRange(version, entry.range) ? `${id} ${version}` : undefined
    default:
      return undefined
  }
}

/** A range that cannot be read hits every version. */
function inRange(version: string, range: string | undefined): boolean {
  if (range === undefined || validRange(range) === null) return true
  return satisfies(version, range, { includePrerelease: true })
}
