// Checks what plugins say before it is written; what was not declared, is too large, or holds a secret must never get in.
import { randomBytes } from 'node:crypto'
import { ClonedError, type Contribution, describeThrown, type JsonObject, type Scrubber, snapshot } from 'cloned/kernel'
import type { Statement } from '../store/slot.js'
import type { EventType, NewEvent } from './slot.js'

const TYPE = /^[a-z][a-z0-9]*([.-][a-z0-9]+)+$/
const MAX_TYPE = 128
const MAX_SUBJECT = 256
const LIMITS = { depth: 16, bytes: 16 * 1024 }

export interface SaidParts {
  readonly types: () => readonly Contribution<EventType>[]
  readonly scrubber: Scrubber | undefined
  readonly now: () => number
}

/** Makes the statement of {@link Events.statement}. */
export function createSaid({ types, scrubber, now }: SaidParts): (event: NewEvent) => Statement {
  let declared: ReadonlySet<string> | undefined
  let count = 0
  return ({ type, subject, data }) => {
    declared ??= declaredTypes(types())
    const refused = (problem: string) => new ClonedError('EVENT_REFUSED', { type: String(type).slice(0, 128), problem })
    if (!declared.has(type)) throw refused('no plugin declares this type')
    if (subject !== undefined && (typeof subject !== 'string' || subject.length > MAX_SUBJECT))
      throw refused(`its subject is not a text of at most ${MAX_SUBJECT} characters`)
    let said: string
    try {
      const plain = snapshot(data, LIMITS)
      said = JSON.stringify(scrubber?.json(plain, 'events') ?? plain)
    } catch (error) {
      throw refused(describeThrown(error))
    }
    const at = now()
    // In the order of this process; among processes, of their clocks.
    const key = `${String(at).padStart(16, '0')}-${String(count++).padStart(9, '0')}-${randomBytes(6).toString('hex')}`
    return {
      sql: 'insert into events_said (key, type, subject, at, data) values ($1, $2, $3, cast($4 as bigint), $5)',
      args: [key, type, subject ?? null, at, said],
    }
  }
}

/** Throws `EVENT_REFUSED` for a type that is not its plugin's to declare. */
function declaredTypes(types: readonly Contribution<EventType>[]): ReadonlySet<string> {
  for (const { plugin, item } of types) {
    const { type } = item
    const own = plugin.startsWith('cloned.') || type.startsWith(`${plugin}.`)
    if (own && TYPE.test(type) && type.length <= MAX_TYPE) continue
    throw new ClonedError('EVENT_REFUSED', {
      type,
      problem: `${plugin} declares it, and a type of its own begins with "${plugin}."`,
    })
  }
  return new Set(types.map(({ item }) => item.type))
}

/** What a row of `events_said` says. */
export function dataOf(text: unknown): JsonObject {
  return JSON.parse(String(text)) as JsonObject
}
