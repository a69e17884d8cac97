// Words why a server did not do what it was asked; must never say that nothing happened on the server's word alone.
import { ClonedError, describeThrown, HandlerError, isClonedError } from 'cloned/kernel'
import { neverSent } from '../firewall/slot.js'
import { PROTOCOL_ERROR, UpstreamError } from './slot.js'

const MAX_TEXT = 2_000
/** Drawn as nothing, or steering how the rest is drawn: an error is a text that models read, too. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}]/gu

export function failure(name: string, error: unknown): HandlerError {
  if (error instanceof HandlerError) return error
  if (error instanceof UpstreamError) {
    const number = error.code < 0 && error.code > -100_000 ? -error.code : 32603
    const text = error.message
      .replace(/[\n\r\t]/g, ' ')
      .replace(UNSEEN, '')
      .slice(0, MAX_TEXT)
      .toWellFormed()
    const { help } = new ClonedError('MCP_SERVER_FAILED', { name, problem: text })
    return new HandlerError(text, { code: `${PROTOCOL_ERROR}${number}`, help, effect: 'unknown' })
  }
  if (isClonedError(error)) {
    const { message, code, help } = error
    return new HandlerError(message, { code, help, effect: neverSent(code) ? 'none' : 'unknown' })
  }
  const problem = describeThrown(error).slice(0, MAX_TEXT).toWellFormed()
  const { message, code, help } = new ClonedError('MCP_SERVER_FAILED', { name, problem })
  return new HandlerError(message, { code, help, effect: 'unknown' })
}
