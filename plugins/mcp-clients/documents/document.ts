// Reads and edits the documents of clients; an edit that would say anything but what was meant must never leave here.
import { isDeepStrictEqual } from 'node:util'
import type { Json } from 'cloned/kernel'
import { type Edit, edited, Unfit } from './edit.js'
import { editJson } from './json-text.js'
import { parseJsonc } from './jsonc.js'
import { editToml, parseToml } from './toml-text.js'

export { at, type Edit, type Path, Unfit } from './edit.js'
export { Unreadable } from './jsonc.js'

export type Format = 'json' | 'toml'

/** What a document says. An empty one says nothing: `{}`. Throws `Unreadable`. */
export function readDocument(text: string, format: Format): Json {
  if (text.trim() === '') return {}
  return format === 'json' ? parseJsonc(text).value : parseToml(text)
}

/**
 * The text with the edits made, everything else kept. What it then says is held against what the edits mean: a text that
 * cannot be edited so (a table of TOML that is written inline) throws {@link Unfit}.
 */
export function editDocument(text: string, format: Format, edits: readonly Edit[]): string {
  let now = text.trim() === '' && format === 'json' ? '{}\n' : text
  let meant = plain(readDocument(now, format))
  for (const edit of edits) {
    // First what it means: an edit that means nothing here must not be tried on the text.
    meant = edited(meant, edit)
    now = format === 'json' ? editJson(now, edit) : editToml(now, edit)
  }
  if (!isDeepStrictEqual(full(plain(readDocument(now, format))), full(meant))) {
    throw new Unfit('it is written in a way that can only be changed by hand')
  }
  return now
}

/** Plain objects throughout; dates of TOML as text. */
function plain(value: Json): Json {
  return JSON.parse(JSON.stringify(value)) as Json
}

/** Without empty objects: a table of TOML without any keys left is gone. */
function full(value: Json): Json {
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map(full)
  const entries = Object.entries(value).map(([key, each]) => [key, full(each)] as const)
  return Object.fromEntries(
    entries.filter(([, each]) => each === null || typeof each !== 'object' || Object.keys(each).length > 0),
  )
}
