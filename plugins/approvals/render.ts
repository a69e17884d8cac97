// Shows a request to the person who decides: all of it, with every text of an agent escaped; leaves nothing out.
import type { Actor, ApprovalRequest, Json } from 'cloned/kernel'
import type { CommandContext } from '../cli/slot.js'

type Look = Pick<CommandContext, 'printable' | 'paint'>

const time = (at: number) => new Date(at).toISOString()

/** Who, as a person should read it: the id, whether it is only claimed, and the operating-system user. */
export function whoIs({ id, claimed, osUser }: Actor): string {
  return `${id}${claimed ? ' (claimed)' : ''}, OS user ${osUser || 'unknown'}`
}

/** A request in full, one fact a line, the input pretty-printed at the end. */
export function renderRequest(request: ApprovalRequest, { printable, paint }: Look): string {
  const { action } = request
  const facts: [label: string, value: string][] = [
    ['approval', request.id],
    ['state', request.state],
    ['action', `${action.kind} ${action.target}`],
    ...Object.entries(action.about).map(([key, value]): [string, string] => [key, wordOf(value)]),
    ['requested by', whoIs(action.actor)],
    ['requested at', time(request.createdAt)],
    ['expires at', time(request.expiresAt)],
    ...request.asks.map((ask): [string, string] => ['asked', `${ask.reason} [${ask.plugin}: ${ask.key}]`]),
    ...(request.decidedBy ? [['decided by', whoIs(request.decidedBy)] as [string, string]] : []),
    ...(request.decidedAt === undefined ? [] : [['decided at', time(request.decidedAt)] as [string, string]]),
    ...(request.reason === undefined ? [] : [['reason', request.reason] as [string, string]]),
    ...(request.usedBy === undefined ? [] : [['used by call', request.usedBy] as [string, string]]),
    ['digest', action.digest],
  ]
  const width = Math.max(...facts.map(([label]) => printable(label).length))
  const lines = facts.map(([label, value]) => `${paint.dim(printable(label).padEnd(width))}  ${printable(value)}`)
  // JSON keeps line feeds inside strings escaped, so no text of the input can look like a line of this page.
  const input = printable(JSON.stringify(action.input, null, 2), { lines: true })
  return [...lines, paint.dim('input'), ...input.split('\n').map((line) => `  ${line}`)].join('\n')
}

function wordOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
