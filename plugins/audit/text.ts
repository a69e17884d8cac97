// Words a record for a terminal; must never let a record's content steer the terminal.
import type { Json, StoredRecord } from 'cloned/kernel'

// Control characters, and those that reorder or hide what is around them.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu
const SHOWN = ['kind', 'target', 'status', 'verdict', 'approval', 'code', 'call_id', 'reason'] as const
const MAX_FIELD = 200

/** The text with every control and format character spelled out. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`)
}

/** One line on a record: sequence, time, type, who, and what it says of a call or a decision. */
export function summary({ seq, record }: StoredRecord): string {
  // A decision names the person who decided, not one who acts.
  const actor = record['actor'] ?? record['by']
  const who = actor !== null && typeof actor === 'object' && 'id' in actor ? actor['id'] : undefined
  const fields = SHOWN.map((name) => word(record[name]))
  return [String(seq), word(record['ts']), word(record['type']), word(who), ...fields]
    .filter((text) => text !== '')
    .join('  ')
}

function word(value: Json | undefined): string {
  if (typeof value !== 'string') return ''
  return printable(value.length > MAX_FIELD ? `${value.slice(0, MAX_FIELD)}…` : value)
}
