// Says what the catalogs offer, and what of it is newer than what is installed; an offer is not yet a package that may run.
import { ClonedError } from 'cloned/kernel'
import gt from 'semver/functions/gt.js'
import rcompare from 'semver/functions/rcompare.js'
import type { Asking } from '../request.js'
import type { InstalledConnector } from '../slot.js'
import { type CatalogParts, readCatalog, readEntry } from './catalog.js'
import type { CatalogEntry } from './index-file.js'

/** An entry, and the catalog that it is from. */
export interface Offer extends CatalogEntry {
  readonly location: string
}

/** An archive, and the offer that it was fetched for. */
export interface Received {
  readonly archive: Buffer
  readonly offer?: Offer
}

/** A newer version of what is installed. */
export interface Newer {
  readonly installed: string
  readonly offer: Offer
}

export async function offersOf(
  parts: CatalogParts,
  asking: Asking,
  locations: readonly string[],
): Promise<readonly Offer[]> {
  const all: Offer[] = []
  for (const location of locations) {
    const { packages } = await readCatalog(parts, asking, location)
    all.push(...packages.map((entry) => ({ ...entry, location })))
  }
  return all
}

/** Those with the word in id, title, a tool or a capability. */
export function matching(offers: readonly Offer[], word: string): readonly Offer[] {
  const wanted = word.toLowerCase()
  return offers.filter(({ id, title, tools, capabilities }) =>
    [id, title, ...tools, ...capabilities].some((text) => text.toLowerCase().includes(wanted)),
  )
}

export function newerThan(installed: readonly InstalledConnector[], offers: readonly Offer[]): readonly Newer[] {
  return installed.flatMap(({ id, version, publisher }) => {
    // Another publisher's package of the same id is no update of this one.
    const [offer] = newestFirst(offers.filter((entry) => entry.id === id && entry.publisher_id === publisher))
    return offer && gt(offer.version, version) ? [{ installed: version, offer }] : []
  })
}

/** For machines. */
export function newerJson({ installed, offer }: Newer) {
  return { id: offer.id, installed, offered: offer.version }
}

/** The archive of an id, the newest, or of `id@version`. Throws `OFFER_UNKNOWN`. */
export async function offeredArchive(
  parts: CatalogParts,
  asking: Asking,
  offers: readonly Offer[],
  name: string,
): Promise<Received> {
  const [id, version] = name.split('@')
  const [offer] = newestFirst(offers.filter((entry) => entry.id === id && (version ?? entry.version) === entry.version))
  if (!offer) throw new ClonedError('OFFER_UNKNOWN', { id: name })
  return await fetchOffer(parts, asking, offer)
}

export async function fetchOffer(parts: CatalogParts, asking: Asking, offer: Offer): Promise<Received> {
  return { archive: await readEntry(parts, asking, offer.location, offer), offer }
}

function newestFirst(entries: readonly Offer[]): Offer[] {
  return [...entries].sort((a, b) => rcompare(a.version, b.version))
}
