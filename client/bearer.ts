// Proves the owner by the local token; the token goes into one header and nowhere else.
import type { Authorize } from './index.js'

/** The token in the file that `.cloned/api.json` names. */
export function bearer(token: string): Authorize {
  return (request) => {
    request.headers.set('authorization', `Bearer ${token}`)
    return request
  }
}
