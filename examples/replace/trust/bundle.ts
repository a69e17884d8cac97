// Reads the trust documents that an administrator has put into a directory; a bundle with one bad document is none.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ClonedError, digest, readPrivateFile } from 'cloned/kernel'
import { keysOf, type PublisherDocument, parseDocument, type RootDocument, type TrustState } from 'cloned/plugins/trust'

/** Nobody signs a bundle: what keeps it from others is who may write where it lies. */
const ROOT: RootDocument = {
  schema: 'cloned.trust-root/v1',
  version: 1,
  mode: 'strict',
  threshold: 1,
  keys: [],
  issued_at: '2026-01-01T00:00:00Z',
}

/** `publishers/<id>.json` and `revocations.json` below one directory, each a file of mode 0600. */
export class TrustBundle {
  readonly #directory: string | undefined
  #known: TrustState | undefined

  constructor(directory: string | undefined) {
    this.#directory = directory
  }

  /** What is in force now. Throws `FILE_UNSAFE`, `TRUST_REFUSED` and `KEY_UNSOUND`. */
  async current(): Promise<TrustState> {
    const texts = this.#read()
    const now = digest(Object.fromEntries(texts))
    if (this.#known?.digest !== now) this.#known = stateOf(texts, now)
    return this.#known
  }

  /** There is nothing that a bundle could differ from. */
  drift(): undefined {
    return undefined
  }

  #read(): ReadonlyMap<string, string> {
    const texts = new Map<string, string>()
    if (this.#directory === undefined) return texts
    const publishers = join(this.#directory, 'publishers')
    const names = (existsSync(publishers) ? readdirSync(publishers).sort() : []).map((name) => `publishers/${name}`)
    for (const name of [...names, 'revocations.json']) {
      const bytes = readPrivateFile(join(this.#directory, name))
      if (bytes) texts.set(name, bytes.toString('utf8'))
    }
    return texts
  }
}

function stateOf(texts: ReadonlyMap<string, string>, now: string): TrustState {
  const publishers = new Map<string, PublisherDocument>()
  const keys: Map<string, { readonly publisher: string; readonly key: KeyOf }> = new Map()
  for (const [name, text] of texts) {
    if (name === 'revocations.json') continue
    const publisher = parseDocument('publisher', text, name)
    const { publisher_id: id } = publisher
    if (name !== `publishers/${id}.json`) throw refused(name, `it is the document of ${id}`)
    publishers.set(id, publisher)
    for (const [kid, key] of keysOf(publisher)) {
      const other = keys.get(kid)
      if (other) throw refused(name, `key ${kid} is one of ${other.publisher}`)
      keys.set(kid, { publisher: id, key })
    }
  }
  const revocations = texts.get('revocations.json')
  return {
    digest: now,
    documents: [],
    root: publishers.size > 0 ? ROOT : undefined,
    revocations: revocations === undefined ? undefined : parseDocument('revocations', revocations, 'revocations.json'),
    publishers,
    keys,
  }
}

type KeyOf = TrustState['keys'] extends ReadonlyMap<string, { readonly key: infer K }> ? K : never

function refused(document: string, problem: string): ClonedError {
  return new ClonedError('TRUST_REFUSED', { document, problem })
}
