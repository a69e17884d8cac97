// Cuts lists into pages by cursor; a cursor is a place in the order and never a permission.
import { ClonedError } from 'cloned/kernel'
import type { Page, PageQuery } from './slot.js'

const DEFAULT = 50

/** JSON Schema of the query of a list. */
export const PAGE_QUERY = {
  limit: { type: 'integer', minimum: 1, maximum: 500, description: `How many at most; ${DEFAULT} without.` },
  cursor: { type: 'string', maxLength: 512, description: 'The `next` of the page before.' },
} as const

export function page<T>(
  items: readonly T[],
  { limit = DEFAULT, cursor }: PageQuery,
  keyOf: (item: T) => string,
): Page<T> {
  let from = 0
  if (cursor !== undefined) {
    const key = Buffer.from(cursor, 'base64url').toString()
    const at = items.findIndex((item) => keyOf(item) === key)
    if (at < 0) throw new ClonedError('API_REQUEST', { problem: 'the cursor names nothing that is in this list' })
    from = at + 1
  }
  const part = items.slice(from, from + limit)
  const last = part.at(-1)
  const more = from + limit < items.length
  return {
    items: part,
    ...(more && last !== undefined ? { next: Buffer.from(keyOf(last)).toString('base64url') } : {}),
  }
}
