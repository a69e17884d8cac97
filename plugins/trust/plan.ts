// Says what a change of the trust store comes to, in words and in documents; reads only, and refuses what may not be.
import { ClonedError } from 'cloned/kernel'
import {
  formatDocument,
  type PublisherDocument,
  parseDocument,
  type RevocationEntry,
  type RevocationsDocument,
  type RootDocument,
} from './documents.js'
import type { Jwk } from './jwk.js'
import type { TrustChange } from './kind.js'
import type { TrustMode } from './slot.js'
import type { TrustState } from './state.js'

/** How long revocations of a root of this workspace count without being renewed. */
const FRESH_MS = 365 * 24 * 3_600_000

/** A document that a change writes; without a signature it is signed by the root's key of this workspace. */
export interface PlannedDocument {
  readonly name: string
  readonly type: 'publisher' | 'revocations' | 'root'
  readonly version: number
  readonly content: string
  readonly signature?: string
}

export interface PlannedChange {
  /** Clauses for the person who decides. */
  readonly words: readonly string[]
  /** Whether the root gets a new key. */
  readonly rotates: boolean
  /** `root`: the key that signs afterwards. The root comes first. */
  documents(root: { readonly kid: string; readonly jwk: Jwk }): readonly PlannedDocument[]
}

/** Throws `TRUST_REFUSED`, `KEY_UNSOUND` and `TRUST_ROOT_MISSING` for what will not be done. */
export function planChange(change: TrustChange, state: TrustState, now: number): PlannedChange {
  const at = new Date(now).toISOString()
  const removed = (name: string) => state.documents.find((document) => document.name === name)?.version ?? 0
  switch (change.op) {
    case 'publisher.put': {
      const publisher = parseDocument('publisher', change.content, 'the publisher')
      const name = `publishers/${publisher.publisher_id}`
      mustBeNewer(name, publisher.version, removed(name))
      mustOwnItsKeys(publisher, state)
      // What somebody else's root has signed says nothing under a root that would be made here.
      if (change.signature !== undefined) mustHaveRoot(state)
      const signature = change.signature === undefined ? {} : { signature: change.signature }
      const content = change.signature === undefined ? formatDocument(publisher) : change.content
      const document = { name, type: 'publisher', version: publisher.version, content, ...signature } as const
      return withRoot(state, at, describePublisher(publisher, state), [document])
    }
    case 'publisher.remove': {
      const name = `publishers/${change.id}`
      if (!state.publishers.has(change.id)) throw new ClonedError('PUBLISHER_UNKNOWN', { publisher: change.id })
      const words = [`removes publisher ${change.id}; its connectors stop running`]
      return plain(words, [{ name, type: 'publisher', version: removed(name) + 1, content: '' }])
    }
    case 'revoke':
      return plain(
        [`revokes ${describeEntry(change.entry)}: ${change.entry.reason}`],
        [revocations(state, at, [...mustHaveRoot(state).entries, { ...change.entry, revoked_at: at }])],
      )
    case 'revocations.renew':
      return plain(['renews the revocations'], [revocations(state, at, mustHaveRoot(state).entries)])
    case 'revocations.put': {
      const document = parseDocument('revocations', change.content, 'the revocations')
      mustBeNewer('revocations', document.version, removed('revocations'))
      if (Date.parse(document.expires) <= now) throw refused('revocations', 'it has expired')
      const { content, signature } = change
      const words = [`takes revocations of version ${document.version} with ${document.entries.length} entries`]
      return plain(words, [{ name: 'revocations', type: 'revocations', version: document.version, content, signature }])
    }
    case 'root.put': {
      const root = parseDocument('root', change.content, 'the root')
      mustBeNewer('root', root.version, removed('root'))
      const { content, signature } = change
      const keys = root.keys.map(({ kid }) => kid).join(', ')
      const words = [`takes a root of trust: ${root.threshold} of ${keys} decide what is trusted, mode ${root.mode}`]
      return plain(words, [{ name: 'root', type: 'root', version: root.version, content, signature }])
    }
    case 'root.mode':
      return withRoot(state, at, [`sets the trust mode to ${change.mode}`], [], { mode: change.mode })
    default:
      mustHaveRoot(state)
      return withRoot(state, at, ['gives the root of trust a new key'], [], { rotates: true })
  }
}

function plain(words: readonly string[], documents: readonly PlannedDocument[]): PlannedChange {
  return { words, rotates: false, documents: () => documents }
}

/** Makes a root where there is none, and a new version of it where one is wanted; a new key signs everything again. */
function withRoot(
  state: TrustState,
  at: string,
  words: readonly string[],
  more: readonly PlannedDocument[],
  wanted: { readonly mode?: TrustMode; readonly rotates?: boolean } = {},
): PlannedChange {
  const { root } = state
  const rotates = wanted.rotates === true
  if (root && !rotates && wanted.mode === undefined) return plain(words, more)
  return {
    words: root ? words : ['makes a root of trust for this workspace', ...words],
    rotates,
    documents(key) {
      const keys = root && !rotates ? root.keys : [{ kid: key.kid, jwk: key.jwk }]
      const mode = wanted.mode ?? root?.mode ?? 'strict'
      const version = (root?.version ?? 0) + 1
      const next: RootDocument = {
        schema: 'cloned.trust-root/v1',
        version,
        mode,
        threshold: root && !rotates ? root.threshold : 1,
        keys,
        issued_at: at,
      }
      const document = { name: 'root', type: 'root', version, content: formatDocument(next) } as const
      const fresh = root && !rotates ? [] : [revocations(state, at, state.revocations?.entries ?? [])]
      return [document, ...fresh, ...(rotates ? againSigned(state) : []), ...more]
    },
  }
}

/** Publishers as they are under a higher version: their signatures were made by a key that signs no more. */
function againSigned({ publishers }: TrustState): PlannedDocument[] {
  return [...publishers.values()].map((publisher) => {
    const next: PublisherDocument = { ...publisher, version: publisher.version + 1 }
    const name = `publishers/${publisher.publisher_id}`
    return { name, type: 'publisher', version: next.version, content: formatDocument(next) }
  })
}

function revocations(state: TrustState, at: string, entries: readonly RevocationEntry[]): PlannedDocument {
  const version = (state.revocations?.version ?? 0) + 1
  const document: RevocationsDocument = {
    schema: 'cloned.trust-revocations/v1',
    version,
    issued_at: at,
    expires: new Date(Date.parse(at) + FRESH_MS).toISOString(),
    entries,
  }
  const content = formatDocument(document)
  // An entry from a command line is held to the schema like one from elsewhere.
  parseDocument('revocations', content, 'the revocations')
  return { name: 'revocations', type: 'revocations', version, content }
}

function mustHaveRoot({ root, revocations: found }: TrustState): Pick<RevocationsDocument, 'entries'> {
  if (!root) throw new ClonedError('TRUST_ROOT_MISSING', {})
  return found ?? { entries: [] }
}

function mustBeNewer(name: string, version: number, known: number): void {
  if (version > known) return
  throw refused(name, `it has version ${version}, and version ${known} was here already`)
}

/** A key of two publishers would sign for both. */
function mustOwnItsKeys({ publisher_id, keys }: PublisherDocument, state: TrustState): void {
  const taken = keys.find(({ kid }) => (state.keys.get(kid)?.publisher ?? publisher_id) !== publisher_id)
  if (!taken) return
  throw refused(`publishers/${publisher_id}`, `its key ${taken.kid} is one of ${state.keys.get(taken.kid)?.publisher}`)
}

function describePublisher(publisher: PublisherDocument, { publishers }: TrustState): string[] {
  const before = publishers.get(publisher.publisher_id)
  const names = `for ids under ${publisher.namespaces.join(', ')}`
  const keys = publisher.keys.map(({ kid, use, status }) => `${kid} (${use}, ${status})`).join(', ')
  const trusts = `trusts publisher ${publisher.publisher_id} ${names}: ${publisher.threshold} of ${keys}`
  const shared = [...publishers.values()].filter(
    ({ publisher_id, namespaces }) =>
      publisher_id !== publisher.publisher_id && overlap(namespaces, publisher.namespaces),
  )
  const words = [trusts, ...shared.map(({ publisher_id }) => `it may take over ids of publisher ${publisher_id}`)]
  if (!before) return words
  const added = publisher.keys.filter(({ kid }) => !before.keys.some((key) => key.kid === kid)).map(({ kid }) => kid)
  const gone = before.keys.filter(({ kid }) => !publisher.keys.some((key) => key.kid === kid)).map(({ kid }) => kid)
  const more = publisher.namespaces.filter((name) => !before.namespaces.includes(name))
  return [
    ...words,
    ...(added.length > 0 ? [`adds key ${added.join(', ')}`] : []),
    ...(gone.length > 0 ? [`removes key ${gone.join(', ')}`] : []),
    ...(more.length > 0 ? [`adds namespace ${more.join(', ')}`] : []),
    ...(publisher.threshold < before.threshold ? [`lowers the threshold from ${before.threshold}`] : []),
  ]
}

function overlap(some: readonly string[], others: readonly string[]): boolean {
  return some.some((one) =>
    others.some((other) => one === other || one.startsWith(`${other}.`) || other.startsWith(`${one}.`)),
  )
}

export function describeEntry(entry: Omit<RevocationEntry, 'revoked_at'>): string {
  const what = entry.kid ?? entry.publisher_id ?? entry.digest ?? entry.id ?? ''
  const range = entry.range === undefined ? '' : ` ${entry.range}`
  const since = entry.effective === 'after' ? ` for installations after ${entry.compromised_at}` : ''
  return `${entry.kind} ${what}${range}${since}`
}

function refused(document: string, problem: string): ClonedError {
  return new ClonedError('TRUST_REFUSED', { document, problem })
}
