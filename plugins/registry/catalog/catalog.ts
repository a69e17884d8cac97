// Reads catalogs, in a directory or behind a URL; an index that is unsigned, expired or older than one seen is no catalog.
import { join } from 'node:path'
import { ClonedError, describeThrown, type Gate, isClonedError, type Outcome, sha256 } from 'cloned/kernel'
import type { Trust } from '../../trust/slot.js'
import { type Incoming, readPlainFile } from '../incoming.js'
import { type Asking, act } from '../request.js'
import type { RegistryTable } from '../table.js'
import { catalogFetch } from './fetch.js'
import { type CatalogEntry, type CatalogIndex, MAX_INDEX_BYTES, MAX_SIGNATURE_BYTES, parseIndex } from './index-file.js'

export interface CatalogParts {
  readonly gate: Pick<Gate, 'act'>
  readonly trust: Pick<Trust, 'verify'>
  readonly incoming: Incoming
  readonly table: Pick<RegistryTable, 'catalog' | 'sawCatalog'>
  readonly now: () => number
}

/** A fetch that did not come to its end: it waits for an approval, or was denied. */
export class NotFetched extends Error {
  readonly outcome: Outcome
  constructor(outcome: Outcome) {
    super('the catalog was not fetched')
    this.outcome = outcome
  }
}

/** The index of a catalog, verified. Throws `CATALOG_INVALID`, `SIGNATURE_INVALID`, {@link NotFetched}. */
export async function readCatalog(parts: CatalogParts, asking: Asking, location: string): Promise<CatalogIndex> {
  const { trust, table, now } = parts
  const bytes = await read(parts, asking, location, 'index.json', MAX_INDEX_BYTES)
  const signature = await read(parts, asking, location, 'index.json.sig', MAX_SIGNATURE_BYTES)
  const { publishers, root } = await trust.verify(bytes, signature, { type: 'catalog', at: 'install' })
  const keepers = [...publishers, ...(root ? ['the root'] : [])].sort()
  const index = checking(location, () => parseIndex(bytes))
  const invalid = (problem: string) => new ClonedError('CATALOG_INVALID', { where: location, problem })
  if (Date.parse(index.expires) <= now()) throw invalid(`its index expired ${index.expires}`)
  const seen = await table.catalog(location)
  // Whoever may sign one catalog could else take the place of every other.
  if (seen.keepers && !seen.keepers.some((keeper) => keepers.includes(keeper))) {
    const [now, first] = [keepers, seen.keepers].map((names) => names.join(', '))
    throw invalid(`its index is signed by ${now}, and this location was kept by ${first} when it was first used`)
  }
  if (index.version < seen.version)
    throw invalid(`its index has version ${index.version}, and version ${seen.version} was seen before`)
  if ((index.version > seen.version || !seen.keepers) && !asking.dryRun)
    await table.sawCatalog(location, { version: index.version, keepers })
  return index
}

/** The archive that an entry names. What it holds is for the installation to judge. */
export async function readEntry(
  parts: CatalogParts,
  asking: Asking,
  location: string,
  { id, archive }: CatalogEntry,
): Promise<Buffer> {
  const bytes = await read(parts, asking, location, archive.path, archive.size)
  if (bytes.length === archive.size && sha256(bytes) === archive.sha256) return bytes
  throw new ClonedError('CATALOG_INVALID', {
    where: location,
    problem: `its archive of ${id} is not the one in its index`,
  })
}

export function isRemote(location: string): boolean {
  return /^https?:\/\//.test(location)
}

async function read(
  { gate, incoming }: CatalogParts,
  asking: Asking,
  location: string,
  name: string,
  maxBytes: number,
): Promise<Buffer> {
  if (!isRemote(location)) return checking(location, () => readPlainFile(join(location, name), maxBytes))
  const url = `${location.replace(/\/+$/, '')}/${name}`
  const input = { url, max_bytes: maxBytes }
  const outcome = await act(gate, asking, catalogFetch, { target: url, input, about: { title: `Fetch ${url}` } })
  if (outcome.status !== 'done') throw new NotFetched(outcome)
  const bytes = incoming.get(outcome.output.sha256)
  incoming.discard(outcome.output.sha256)
  return bytes
}

function checking<T>(where: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    if (isClonedError(cause)) throw cause
    throw new ClonedError('CATALOG_INVALID', { where, problem: describeThrown(cause) }, { cause })
  }
}
