// Delivers approval requests to the person at the terminal; without a terminal it delivers nothing, and says so.
import type { ApprovalRequest } from 'cloned/kernel'
import { requestText } from './commands/request-text.js'
import type { Terminal } from './slot.js'

/** A channel that reports a request as delivered only once it is on somebody's screen. */
export function terminalChannel(): {
  attach(terminal: Terminal | undefined): void
  deliver(request: ApprovalRequest): boolean
} {
  let attached: Terminal | undefined
  return {
    attach(terminal) {
      attached = terminal
    },
    deliver(request) {
      if (!attached) return false
      attached.write(requestText(request))
      return true
    },
  }
}
