// Decides what a person should look at in a tool before enabling it; a tool without findings is not thereby harmless.
import type { Json, JsonObject } from 'cloned/kernel'
import { hasUnseen, looksLike, mixesScripts, revealed } from './characters.js'
import type { Finding } from './rows.js'
import { findingsOf } from './sentences.js'
import { textsOf } from './texts.js'

export interface Suspicion {
  /**
   * `unseen`: characters that are not drawn. `alike`: a name that looks like another one. `too-big`: not all of it was
   * looked at. The others: a sentence that gives a model orders.
   */
  readonly kind: Finding | 'unseen' | 'alike' | 'too-big'
  /** JSON pointer into the contract. */
  readonly path: string
  /** What was found, without anything that is not drawn; at most 200 characters. */
  readonly excerpt: string
}

/** What is suspicious in the contract of a tool. `others`: names of tools it must not be taken for. */
export function scanTool(contract: JsonObject, others: Iterable<string> = []): readonly Suspicion[] {
  const { texts, whole } = textsOf(contract as Json)
  const found: Suspicion[] = whole ? [] : [{ kind: 'too-big', path: '', excerpt: '' }]
  for (const { path, text } of texts) {
    const plain = revealed(text)
    const excerpt = plain.slice(0, 200)
    if (hasUnseen(text)) found.push({ kind: 'unseen', path, excerpt })
    for (const kind of findingsOf(plain)) found.push({ kind, path, excerpt })
    if (mixesScripts(text)) found.push({ kind: 'alike', path, excerpt })
  }
  const { name } = contract
  if (typeof name === 'string') {
    const twin = [...others].find((other) => other !== name && looksLike(other) === looksLike(name))
    if (twin !== undefined)
      found.push({
        kind: 'alike',
        path: '/name',
        excerpt: `${revealed(name)} looks like ${revealed(twin)}`.slice(0, 200),
      })
  }
  return found
}
