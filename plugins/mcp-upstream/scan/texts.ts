// Decides which texts of a tool's contract a model may read, names and values included; must never skip one silently.
import type { Json } from 'cloned/kernel'

/** A text and where it stands. */
export interface Text {
  /** JSON pointer. */
  readonly path: string
  readonly text: string
}

/** More than any tool needs; what lies beyond is a finding of its own. */
const CHARACTERS = 256 * 1024
const TEXTS = 20_000
const DEPTH = 64

/** Every string and every member name, and whether that was all of them. */
export function textsOf(contract: Json): { readonly texts: readonly Text[]; readonly whole: boolean } {
  const texts: Text[] = []
  let characters = 0
  let whole = true
  const add = (path: string, text: string) => {
    characters += text.length
    if (characters > CHARACTERS || texts.length >= TEXTS) whole = false
    else texts.push({ path, text })
  }
  const walk = (value: Json, path: string, depth: number): void => {
    if (!whole) return
    if (depth > DEPTH) {
      whole = false
    } else if (typeof value === 'string') {
      add(path, value)
    } else if (typeof value === 'object' && value !== null) {
      for (const [name, inner] of Object.entries(value)) {
        const at = `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
        if (!Array.isArray(value)) add(at, name)
        walk(inner as Json, at, depth + 1)
      }
    }
  }
  walk(contract, '', 0)
  return { texts, whole }
}
