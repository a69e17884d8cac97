// Writes who changed the policy, and by which approval, into the overlay; must never change what the overlay says.
import { createRequire } from 'node:module'
import { ClonedError, canonical, type Json, parseYaml } from 'cloned/kernel'

/** The `change` section of an overlay: about its last change. Written by the policy alone. */
export interface ChangeMetadata {
  /** `chg_` and the call that made it. */
  readonly id: string
  /** The actor who asked. */
  readonly requested_by: string
  /** RFC 3339, as all times here. */
  readonly requested_at: string
  /** The actor who approved; for a change that needed nobody, the rule that let it pass. */
  readonly approved_by: string
  readonly approved_at: string
  /** `null` for a change that needed nobody. */
  readonly approval: string | null
  /** The record of the audit log that lets it pass: the decision, or the intent of a change that needed nobody. */
  readonly audit: { readonly seq: number; readonly hash: string }
  /** SHA-256 of the overlay before, `null` for none. */
  readonly previous: string | null
}

const require = createRequire(import.meta.url)

/** The text with this metadata in the place of any other. Comments, order and everything else stay. `path` is for errors. */
export function withMetadata(text: string, change: ChangeMetadata, path: string): string {
  const { parseDocument, isMap } = require('yaml') as typeof import('yaml')
  const document = parseDocument(text, { schema: 'core' })
  if (!isMap(document.contents)) throw damaged(path)
  const pair = document.createPair('change', change)
  const items = document.contents.items as unknown as (typeof pair)[]
  const at = items.findIndex(({ key }) => String(key) === 'change')
  if (at === -1)
    items.splice(
      Math.max(
        0,
        items.findIndex(({ key }) => String(key) === 'pack'),
      ) + 1,
      0,
      pair,
    )
  else items.splice(at, 1, pair)
  const written = document.toString({ lineWidth: 0 })
  if (rest(written, path) !== rest(text, path)) throw damaged(path)
  return written
}

/** The metadata of an overlay that this package wrote; `undefined` when it carries none. */
export function metadataOf(text: string, path: string): ChangeMetadata | undefined {
  const { change } = parseYaml(text, { path }) as { change?: ChangeMetadata }
  return typeof change?.id === 'string' ? change : undefined
}

/** Everything but the metadata, to compare. */
function rest(text: string, path: string): string {
  const { change: _, ...others } = parseYaml(text, { path }) as { [key: string]: Json }
  return canonical(others)
}

function damaged(path: string): ClonedError {
  const problem = 'it cannot take the metadata of a change; write "change" as a section of its own, without an anchor'
  return new ClonedError('FILE_INVALID', { path, line: '', problem })
}
