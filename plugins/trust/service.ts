// Answers whose signatures count, by the documents in force; with a file that is not as approved, strict mode trusts nothing.
import { ClonedError, type Logger, thumbprintOf } from 'cloned/kernel'
import { formatDocument, keysOf, type PublisherDocument, parseDocument } from './documents.js'
import { jwkOf } from './jwk.js'
import { goodSigners, pemSigner, signDetached } from './jws.js'
import type { TrustChange } from './kind.js'
import { mustNotBeRevoked, revokedKeys, revokedPublishers, staleness } from './revoked.js'
import type { Publisher, Trust } from './slot.js'
import type { TrustState, TrustStates } from './state.js'
import { stoppedBy } from './stopped.js'

export interface ServiceParts {
  readonly states: () => Pick<TrustStates, 'current' | 'drift'>
  readonly now: () => number
  readonly log: Pick<Logger, 'warn'>
}

export function createTrust({ states, now, log }: ServiceParts): Trust {
  const current = async (): Promise<TrustState & { readonly mode: 'dev' | 'strict' }> => {
    const state = await states().current()
    if (!state.root) throw new ClonedError('TRUST_ROOT_MISSING', {})
    const { mode } = state.root
    const drift = states().drift(state)
    if (drift !== undefined) {
      if (mode === 'strict') throw new ClonedError('TRUST_DRIFT', { file: drift })
      log.warn('a file of the trust store is not what was approved; what was approved counts', { file: drift })
    }
    return { ...state, mode }
  }
  return {
    standing: async () => {
      const { mode, digest } = await current()
      return { mode, digest }
    },
    async publishers() {
      const state = await states().current()
      const revoked = revokedKeys(state, undefined)
      return [...state.publishers.values()].map((publisher) => published(publisher, revoked))
    },
    async verify(payload, signature, { type, at }) {
      const state = await current()
      const keys = new Map(type === 'catalog' && state.root ? keysOf(state.root) : [])
      for (const [kid, { publisher, key }] of state.keys) {
        if (eligible(state.publishers.get(publisher), kid, { use: type, at, now: now() })) keys.set(kid, key)
      }
      // Of packages more is known, so that their own question says what of them was revoked.
      if (type === 'catalog') dropRevoked(keys, state)
      const kids = await goodSigners(payload, signature, type, keys)
      const publishers = [...state.publishers.values()]
        .filter(({ publisher_id, threshold }) => countOf(state, kids, publisher_id) >= threshold)
        .map(({ publisher_id }) => publisher_id)
      const rootKids = new Set(state.root?.keys.map(({ kid }) => kid))
      const root =
        type === 'catalog' && [...kids].filter((kid) => rootKids.has(kid)).length >= (state.root?.threshold ?? 1)
      if (publishers.length === 0 && !root) {
        const problem =
          kids.size === 0 ? 'no key that counts here has signed' : 'too few keys of one publisher have signed'
        throw new ClonedError('SIGNATURE_INVALID', { problem })
      }
      return { publishers, kids: [...kids].sort(), root }
    },
    async inNamespace(publisher, id) {
      const found = (await current()).publishers.get(publisher)
      if (!found) throw new ClonedError('PUBLISHER_UNKNOWN', { publisher })
      if (found.namespaces.some((name) => id === name || id.startsWith(`${name}.`))) return
      const problem = `its namespaces are ${found.namespaces.join(', ')}`
      throw new ClonedError('PUBLISHER_NAMESPACE', { publisher, id, problem })
    },
    async notRevoked(identity) {
      const state = await current()
      mustNotBeRevoked(state, identity)
      const problem = staleness(state, undefined, now())
      if (problem === undefined) return
      if (state.mode === 'strict') throw new ClonedError('TRUST_STALE', { problem })
      log.warn('the revocations cannot be relied on', { problem })
    },
    stoppedBy: async (change, packages) =>
      stoppedBy(change as unknown as TrustChange, await states().current(), packages),
    sign(payload, { type, pem, existing }) {
      const signer = pemSigner(pem)
      return { kid: signer.kid, signature: signDetached(payload, type, signer, existing) }
    },
    publisherDocument(key, about) {
      const added = { kid: thumbprintOf(key), jwk: jwkOf(key), status: 'active' } as const
      const document: PublisherDocument =
        'existing' in about
          ? withKey(parseDocument('publisher', about.existing, 'the publisher'), { ...added, use: about.use })
          : {
              schema: 'cloned.trust-publisher/v1',
              version: 1,
              publisher_id: about.id,
              name: about.name,
              namespaces: about.namespaces,
              threshold: 1,
              keys: [{ ...added, use: 'package' }],
            }
      return formatDocument(parseDocument('publisher', formatDocument(document), 'the publisher'))
    },
  }
}

function withKey(document: PublisherDocument, key: PublisherDocument['keys'][number]): PublisherDocument {
  return { ...document, version: document.version + 1, keys: [...document.keys, key] }
}

function dropRevoked(keys: Map<string, unknown>, state: TrustState): void {
  const [kids, publishers] = [revokedKeys(state, undefined), revokedPublishers(state)]
  for (const kid of keys.keys()) {
    if (kids.has(kid) || publishers.has(state.keys.get(kid)?.publisher ?? '')) keys.delete(kid)
  }
}

function countOf(state: TrustState, kids: ReadonlySet<string>, publisher: string): number {
  return [...kids].filter((kid) => state.keys.get(kid)?.publisher === publisher).length
}

function eligible(
  publisher: PublisherDocument | undefined,
  kid: string,
  { use, at, now }: { use: 'package' | 'catalog'; at: 'install' | 'load'; now: number },
): boolean {
  const key = publisher?.keys.find((candidate) => candidate.kid === kid)
  if (key?.use !== use) return false
  if (at === 'load') return true
  return (
    key.status === 'active' &&
    (key.not_before === undefined || Date.parse(key.not_before) <= now) &&
    (key.not_after === undefined || now < Date.parse(key.not_after))
  )
}

function published(document: PublisherDocument, revoked: ReadonlySet<string>): Publisher {
  const { publisher_id, name, namespaces, threshold, keys, version } = document
  return {
    id: publisher_id,
    name,
    namespaces,
    threshold,
    version,
    keys: keys.map(({ kid, use, status }) => ({ kid, use, status: revoked.has(kid) ? 'revoked' : status })),
  }
}
