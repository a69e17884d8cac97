// Notes in the workspace which keys it has used; it holds no key, and must never be a reason to trust one.

import { lstatSync } from 'node:fs'
import { type Json, type JsonObject, readJson, writeFileAtomic } from 'cloned/kernel'

const SCHEMA: JsonObject = {
  type: 'object',
  additionalProperties: false,
  required: ['version', 'used'],
  properties: {
    version: { const: 1 },
    used: {
      type: 'object',
      maxProperties: 200,
      propertyNames: { pattern: '^[a-z][a-z0-9-]{0,31}\\.(signer|mac)$' },
      additionalProperties: { type: 'array', maxItems: 1000, items: { type: 'string', pattern: '^[0-9a-f]{16}$' } },
    },
  },
}

type Used = Readonly<Record<string, readonly string[]>>

/** Kids by `purpose.kind`. Throws `FILE_INVALID`. */
export function readMarker(path: string): Used {
  if (!lstatSync(path, { throwIfNoEntry: false })) return {}
  return (readJson(path, SCHEMA) as unknown as { used: Used }).used
}

/** Call it under the lock of the keys. */
export function writeMarker(path: string, used: Used): void {
  const marker: Json = { version: 1, used: used as unknown as JsonObject }
  writeFileAtomic(path, `${JSON.stringify(marker, null, 2)}\n`)
}
