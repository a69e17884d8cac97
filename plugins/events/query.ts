// Reads which events somebody asks for; what cannot be a type or a place in the feed is refused.
import { ClonedError } from 'cloned/kernel'

const TYPE = /^[a-z][a-z0-9._-]{0,127}$/
const MAX_TYPES = 20

/** Beginnings of types, each once. Throws `EVENT_QUERY`. */
export function typesIn(given: readonly string[]): readonly string[] {
  const types = [...new Set(given)]
  const wrong = types.find((type) => !TYPE.test(type))
  if (wrong !== undefined)
    throw new ClonedError('EVENT_QUERY', {
      problem: `${JSON.stringify(wrong.slice(0, 80))} is not the beginning of a type`,
    })
  if (types.length > MAX_TYPES)
    throw new ClonedError('EVENT_QUERY', { problem: `it names more than ${MAX_TYPES} types` })
  return types
}

/** A place in the feed. Throws `EVENT_QUERY` for what is none, or lies behind the end of this feed. */
export function placeIn(text: string, last: number): number {
  const seq = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (Number.isNaN(seq)) throw new ClonedError('EVENT_QUERY', { problem: 'that is not the id of an event' })
  if (seq > last)
    throw new ClonedError('EVENT_QUERY', { problem: `event ${seq} is not in this feed, which ends with ${last}` })
  return seq
}
