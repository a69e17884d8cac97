// Says what an edit of a document means, whatever its format; must never change anything but what the edit names.
import type { Json, JsonObject } from 'cloned/kernel'

/** Keys from the top, and positions in lists. */
export type Path = readonly (string | number)[]

/**
 * `set` makes what is missing around it; `append` adds to a list, which it makes when it is missing; `remove` of what is
 * not there does nothing.
 */
export type Edit =
  | { readonly op: 'set'; readonly path: Path; readonly value: Json }
  | { readonly op: 'append'; readonly path: Path; readonly value: Json }
  | { readonly op: 'remove'; readonly path: Path }

/** The edit cannot be made in this document. */
export class Unfit extends Error {
  override readonly name = 'Unfit'
}

/** The value at a path; `undefined` when there is none. */
export function at(value: Json | undefined, path: Path): Json | undefined {
  let here: Json | undefined = value
  for (const step of path) {
    if (here === null || typeof here !== 'object') return undefined
    here = Array.isArray(here)
      ? (here as readonly Json[])[Number(step)]
      : Object.hasOwn(here, step)
        ? (here as JsonObject)[String(step)]
        : undefined
  }
  return here
}

/** What the document says once it is edited. Throws {@link Unfit} where the way leads through something else. */
export function edited(value: Json, { path, ...edit }: Edit): Json {
  const [step, ...rest] = path
  if (step === undefined) {
    if (edit.op === 'remove') throw new Unfit('the whole document cannot be removed')
    if (edit.op === 'set') return edit.value
    if (!Array.isArray(value)) throw new Unfit('what is added to is not a list')
    return [...value, edit.value]
  }
  if (edit.op === 'remove' && at(value, path) === undefined) return value
  if (Array.isArray(value)) {
    if (typeof step !== 'number' || step >= value.length) throw new Unfit('the way to it leads through a list')
    if (rest.length === 0 && edit.op === 'remove') return value.filter((_, i) => i !== step)
    return value.map((item, i) => (i === step ? edited(item, { ...edit, path: rest } as Edit) : item))
  }
  if (value === null || typeof value !== 'object')
    throw new Unfit('the way to it leads through something that has no keys')
  const object = value as JsonObject
  if (rest.length === 0 && edit.op === 'remove') {
    return Object.fromEntries(Object.entries(object).filter(([key]) => key !== step))
  }
  const missing: Json = rest.length === 0 && edit.op === 'append' ? [] : {}
  const inner = Object.hasOwn(object, step) ? (object[String(step)] as Json) : missing
  return { ...object, [String(step)]: edited(inner, { ...edit, path: rest } as Edit) }
}
