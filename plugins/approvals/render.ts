// Shows a request to the person who decides: all of it, with every text of an agent escaped; leaves nothing out.
import { type Actor, type ApprovalRequest, type Json, type JsonObject, toolCall } from 'cloned/kernel'
import type { CommandContext } from '../cli/slot.js'

type Look = Pick<CommandContext, 'printable' | 'paint'>
type Fact = readonly [label: string, value: string]

const time = (at: number) => new Date(at).toISOString()

/** Who, as a person should read it: the id, whether it is only claimed, and the operating-system user. */
export function whoIs({ id, claimed, osUser }: Actor): string {
  return `${id}${claimed ? ' (claimed)' : ''}, OS user ${osUser || 'unknown'}`
}

/** What is wanted, in short: the tool, or the kind of any other action and what it is about. */
export function nameOf({ kind, target }: ApprovalRequest['action']): string {
  return kind === toolCall.id ? target : `${kind} ${target}`
}

/** A request in full, one fact a line, then what it changes, the input pretty-printed at the end. */
export function renderRequest(request: ApprovalRequest, shown: JsonObject, { printable, paint }: Look): string {
  const { action } = request
  const facts: readonly Fact[] = [
    ['approval', request.id],
    ['state', request.state],
    ['action', `${action.kind} ${action.target}`],
    ...Object.entries(action.about).map(([key, value]): Fact => [key, wordOf(value)]),
    ...some('hosts', shown['hosts'] as readonly string[] | undefined, (hosts) =>
      hosts.map((host) => host || '(none)').join(', '),
    ),
    ['requested by', whoIs(action.actor)],
    ['requested at', time(request.createdAt)],
    ['expires at', time(request.expiresAt)],
    ...request.asks.map(
      ({ reason, plugin, key, rule }): Fact => [
        'asked',
        `${reason} [${plugin}: ${key}${rule === undefined ? '' : `, ${rule}`}]`,
      ],
    ),
    ...(request.decisions ?? []).map(
      ({ verdict, by, at, key, reason }): Fact => [
        verdict,
        `${time(at)} by ${whoIs(by)}${key === undefined ? '' : `, key ${key}`}${reason === undefined ? '' : `: ${reason}`}`,
      ],
    ),
    ...some('became', request.replacedBy, (id) => `${id}, with other arguments`),
    ...some('used by call', request.usedBy, (call) => call),
    ...some('to undo', shown['rollback'] as string | undefined, (rollback) => rollback),
    ...some('no preview', shown['preview_problem'] as string | undefined, (problem) => problem),
    ['digest', action.digest],
  ]
  const width = Math.max(...facts.map(([label]) => printable(label).length))
  const lines = facts.map(([label, value]) => `${paint.dim(printable(label).padEnd(width))}  ${printable(value)}`)
  return [
    ...lines,
    ...changeLines(shown['change'] as JsonObject | undefined, { printable, paint }),
    ...inputLines(request, { printable, paint }),
  ].join('\n')
}

function changeLines(change: JsonObject | undefined, { printable, paint }: Look): readonly string[] {
  if (!change) return []
  const { what, new: isNew, diff } = change as { what: string; new: boolean; diff: readonly string[] }
  const head = paint.dim(
    printable(`change of ${what}${isNew ? ', which is new' : ''}${diff.length === 0 ? ': none' : ''}`),
  )
  const colour = { '-': paint.red, '+': paint.green } as Readonly<Record<string, (text: string) => string>>
  // Escaped line by line: a line of the file must not look like one of this page.
  return [head, ...diff.map((line) => `  ${(colour[line[0] ?? ''] ?? ((text) => text))(printable(line))}`)]
}

function inputLines({ action, inputDropped }: ApprovalRequest, { printable, paint }: Look): readonly string[] {
  if (inputDropped) return [paint.dim('input  (not kept any more)')]
  // JSON keeps line feeds inside strings escaped, so no text of the input can look like a line of this page.
  const input = printable(JSON.stringify(action.input, null, 2), { lines: true })
  return [paint.dim('input'), ...input.split('\n').map((line) => `  ${line}`)]
}

function some<T>(label: string, value: T | undefined, word: (value: T) => string): readonly Fact[] {
  return value === undefined ? [] : [[label, word(value)]]
}

function wordOf(value: Json): string {
  if (typeof value === 'string') return value
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value.join(', ')
  const text = JSON.stringify(value)
  return text === '{}' ? 'none' : text
}
