// Reads references to secrets out of configuration text, once; what agents say must never come through here.
import { ClonedError } from 'cloned/kernel'
import { isSecretName } from './scope.js'
import type { SecretTemplate } from './slot.js'

/** How a reference begins, wherever it stands. */
export const REFERENCE = '${vault:'
const MAX_PARTS = 32

/** Throws `SECRET_TEMPLATE`. */
export function parseTemplate(text: string): SecretTemplate {
  const parts: (string | { readonly secret: string })[] = []
  for (let at = 0; at < text.length; ) {
    const start = text.indexOf(REFERENCE, at)
    if (start < 0) {
      parts.push(text.slice(at))
      break
    }
    const end = text.indexOf('}', start)
    const name = text.slice(start + REFERENCE.length, end < 0 ? undefined : end)
    if (end < 0) throw invalid(`${JSON.stringify(name.slice(0, 80))} has no closing brace`)
    if (!isSecretName(name)) throw invalid(`${JSON.stringify(name.slice(0, 80))} is no name of a secret`)
    if (start > at) parts.push(text.slice(at, start))
    parts.push(Object.freeze({ secret: name }))
    at = end + 1
    if (parts.length > MAX_PARTS) throw invalid(`there are more than ${MAX_PARTS} parts`)
  }
  return Object.freeze({ parts: Object.freeze(parts) })
}

function invalid(problem: string): ClonedError {
  return new ClonedError('SECRET_TEMPLATE', { problem })
}
