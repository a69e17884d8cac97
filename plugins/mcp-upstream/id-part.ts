// Makes the name of a server's tool a part of a canonical id; two names must never become one.
import { createHash } from 'node:crypto'

const HASHED = /(?:^|-)[0-9a-f]{12}$/

/** The part of a canonical id that stands for a name of a server's own; two names never get the same. */
export function idPart(local: string): string {
  const slug = local
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, '-')
    .replace(/[_-]*(?:([_-])[_-]*)/g, '$1')
    .replace(/^[_-]+|[_-]+$/g, '')
    .slice(0, 64)
    .replace(/[_-]+$/, '')
  // A name that ends as one with a hash does could be chosen to be it.
  if (slug !== '' && slug === local && !HASHED.test(slug)) return slug
  const hash = createHash('sha256').update(local).digest('hex').slice(0, 12)
  return slug === '' ? hash : `${slug}-${hash}`
}
