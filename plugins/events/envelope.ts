// Words events as CloudEvents 1.0; of an audit record only what names and numbers the action may come out.
import type { Json, JsonObject, StoredRecord } from 'cloned/kernel'

/** An event that has no number yet. */
export interface Draft {
  readonly type: string
  readonly subject?: string | undefined
  /** Milliseconds since 1970. */
  readonly at: number
  readonly data: JsonObject
}

/** Of a record: whom, what and how it ended. No reason, no input and no output, which may quote what an agent read. */
const FACTS: readonly string[] = [
  'call_id',
  'parent',
  'kind',
  'target',
  'risk',
  'status',
  'code',
  'effect',
  'approval',
  'verdict',
  'expires_at',
  'run',
  'pipeline',
  'step',
  'connector',
  'version',
]
const WHO: readonly string[] = ['actor', 'requester', 'by']
const MAX_TEXT = 256

export function draftOfRecord({ seq, hash, record }: StoredRecord): Draft {
  const type = String(record['type'])
  const facts: Record<string, Json> = {}
  for (const name of FACTS) {
    const value = record[name]
    if (typeof value === 'string') facts[name] = cut(value)
    else if (typeof value === 'number' || typeof value === 'boolean') facts[name] = value
  }
  for (const name of WHO) {
    const id = (record[name] as { readonly id?: unknown } | undefined)?.id
    if (typeof id === 'string') facts[name] = cut(id)
  }
  const about = [record['approval'], record['run'], record['call_id']].find((id) => typeof id === 'string')
  return {
    type,
    // What people look for: the request where there is one, else the run, else the call.
    subject: typeof about === 'string' ? cut(about) : undefined,
    at: Date.parse(String(record['ts'])) || 0,
    data: { ...facts, seq, type, hash },
  }
}

/** The envelope as JSON text. */
export function envelope({ type, subject, at, data }: Draft, id: string, source: string): string {
  return JSON.stringify({
    specversion: '1.0',
    id,
    source,
    type,
    ...(subject === undefined ? {} : { subject }),
    time: new Date(at).toISOString(),
    datacontenttype: 'application/json',
    data,
  })
}

function cut(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT).toWellFormed()}…`
}
