// Says which packages a change of the trust store would stop; it changes nothing, and is asked before a person decides.
import { isClonedError } from 'cloned/kernel'
import { parseDocument } from './documents.js'
import type { TrustChange } from './kind.js'
import { mustNotBeRevoked } from './revoked.js'
import type { PackageIdentity } from './slot.js'
import type { TrustState } from './state.js'

/** Of these packages those that count now and would not afterwards. Throws `TRUST_REFUSED` for what cannot be read. */
export function stoppedBy(
  change: TrustChange,
  state: TrustState,
  packages: readonly PackageIdentity[],
): readonly PackageIdentity[] {
  const after = changed(change, state)
  return after === state ? [] : packages.filter((one) => counts(state, one) && !counts(after, one))
}

function changed(change: TrustChange, state: TrustState): TrustState {
  const { revocations, publishers } = state
  switch (change.op) {
    case 'revoke':
      if (!revocations) return state
      return {
        ...state,
        revocations: { ...revocations, entries: [...revocations.entries, { ...change.entry, revoked_at: '' }] },
      }
    case 'revocations.put':
      return { ...state, revocations: parseDocument('revocations', change.content, 'the revocations') }
    case 'publisher.remove':
      return { ...state, publishers: new Map([...publishers].filter(([id]) => id !== change.id)) }
    default:
      return state
  }
}

function counts(state: TrustState, one: PackageIdentity): boolean {
  if (!state.publishers.has(one.publisher)) return false
  try {
    mustNotBeRevoked(state, one)
    return true
  } catch (error) {
    if (isClonedError(error)) return false
    throw error
  }
}
