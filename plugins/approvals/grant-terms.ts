// Says what terms a grant may have and which inputs they cover; must never cover a host or an argument that was not granted.
import {
  ClonedError,
  compileSchema,
  describeThrown,
  type GrantTerms,
  type Json,
  type JsonObject,
  snapshot,
} from 'cloned/kernel'
import { fits } from './fits.js'

const MAX_COUNT = 10_000
const MAX_MS = 90 * 24 * 3_600_000
const MAX_HOSTS = 100
const SCHEMA_LIMITS = { depth: 32, bytes: 32 * 1024 }

/** Checked and frozen terms. Throws `GRANT_REFUSED` for terms that are too wide, or that do not cover `input` itself. */
export function acceptTerms(approval: string, given: GrantTerms, input: Json, now: number): GrantTerms {
  const refused = (reason: string) => new ClonedError('GRANT_REFUSED', { approval, reason })
  const { count, until, hosts } = given
  if (!Number.isSafeInteger(count) || count < 1 || count > MAX_COUNT)
    throw refused(`its count is not 1 to ${MAX_COUNT}`)
  if (!Number.isSafeInteger(until) || until <= now || until > now + MAX_MS) {
    throw refused('it ends in the past, or more than 90 days from now')
  }
  if (!Array.isArray(hosts) || hosts.length > MAX_HOSTS || hosts.some((host) => hostOf(`https://${host}/`) !== host)) {
    throw refused(`its hosts are not at most ${MAX_HOSTS} plain host names`)
  }
  const terms: GrantTerms = { schema: schemaOf(given, refused), hosts: [...new Set(hosts)].sort(), count, until }
  if (!covers(terms, input)) throw refused('its terms do not cover the request that it is given with')
  return terms
}

function schemaOf({ schema }: GrantTerms, refused: (reason: string) => ClonedError): JsonObject {
  try {
    const copy = snapshot(schema, SCHEMA_LIMITS)
    if (copy === null || typeof copy !== 'object' || Array.isArray(copy)) throw new TypeError('it is not an object')
    compileSchema(copy as JsonObject)
    return copy as JsonObject
  } catch (cause) {
    throw refused(`its schema cannot be used (${describeThrown(cause)})`)
  }
}

/** Whether an input fits the schema, and names no host in its URLs but the granted ones. */
export function covers({ schema, hosts }: GrantTerms, input: Json): boolean {
  return hostsIn(input).every((host) => hosts.includes(host)) && fits(schema, input)
}

/** A schema that holds these properties of an input as they are, and lets the others vary. Throws for one that is not there. */
export function sameAs(input: Json, fields: readonly string[]): JsonObject {
  const object = input !== null && typeof input === 'object' && !Array.isArray(input) ? (input as JsonObject) : {}
  const properties: { [field: string]: Json } = {}
  for (const field of fields) {
    if (!Object.hasOwn(object, field)) throw new RangeError(`the request has no argument "${field}"`)
    properties[field] = { const: object[field] as Json }
  }
  return { type: 'object', properties, required: [...fields] }
}

/** Every host that an input names in a URL, sorted. What looks like a URL and has no host counts as the empty host. */
export function hostsIn(input: Json): readonly string[] {
  const found = new Set<string>()
  for (const text of texts(input)) {
    // Anywhere in a text, not only where the text is nothing else; and as URL parsers read it, without tabs and line ends.
    const plain = text.replace(/[\t\r\n]/g, '')
    for (const { 0: url, index } of plain.matchAll(/(?:https?|wss?|ftp):[^\s"'<>]*/gi)) {
      found.add(hostOf(url) ?? '')
      // What ends a URL in a text ends none for a parser: `https://a.test'@b.test/` leads to b.test.
      const whole = hostOf(plain.slice(index))
      if (whole !== undefined) found.add(whole)
    }
  }
  return [...found].sort()
}

function hostOf(url: string): string | undefined {
  const host = URL.canParse(url) ? new URL(url).hostname : ''
  return host === '' ? undefined : host
}

function* texts(value: Json): Generator<string, void> {
  if (typeof value === 'string') yield value
  else if (Array.isArray(value)) for (const item of value as readonly Json[]) yield* texts(item)
  else if (value !== null && typeof value === 'object') {
    for (const [key, item] of Object.entries(value as JsonObject)) {
      yield key
      yield* texts(item)
    }
  }
}
