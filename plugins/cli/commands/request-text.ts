// Shows an approval request to the person who decides; all of it is what an agent wrote, so all of it is escaped.
import type { ApprovalRequest } from 'cloned/kernel'
import { printable } from '../printable.js'

/** A longer input is cut, and says so: a question that scrolls off the screen is not read. */
const MAX_INPUT_LINES = 40
const MAX_LINE = 400

/** Who wants what, with which input, why it asks, and until when. Several lines. */
export function requestText(request: ApprovalRequest): string {
  const { action, asks } = request
  const input = JSON.stringify(action.input, null, 2).split('\n')
  const cut = input.length - MAX_INPUT_LINES
  const id = printable(request.id)
  return [
    `Approval ${id} is wanted`,
    `  who:     ${printable(action.actor.id)}${action.actor.claimed ? ' (claimed)' : ''}, OS user ${printable(action.actor.osUser)}`,
    `  what:    ${printable(action.kind)} ${printable(action.target)}`,
    ...asks.map((ask) => `  why:     ${printable(ask.reason)} (${printable(ask.plugin)})`),
    `  expires: ${new Date(request.expiresAt).toISOString()}`,
    '  input:',
    ...input.slice(0, MAX_INPUT_LINES).map((line) => `    ${printable(cutLine(line))}`),
    ...(cut > 0 ? [`    … ${cut} more lines: cloned approvals show ${id}`] : []),
  ].join('\n')
}

function cutLine(line: string): string {
  const over = line.length - MAX_LINE
  return over > 0 ? `${line.slice(0, MAX_LINE).toWellFormed()}… ${over} more characters` : line
}
