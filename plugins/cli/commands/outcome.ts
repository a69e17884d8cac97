// Words how an action ended, for people and for machines; the exit code follows from the outcome and nothing else.
import { type DryRun, type Failed, type Json, type Outcome, outcomeJson, type Pending, type Vote } from 'cloned/kernel'
import { type CommandContext, type CommandResult, EXIT_CODES } from '../slot.js'

type Show = Pick<CommandContext, 'howToDecide' | 'paint' | 'printable' | 'table'>

const EFFECT = {
  none: 'Nothing happened.',
  happened: 'It did take effect.',
  unknown: 'It may have taken effect: find out before repeating it.',
} as const satisfies Record<Failed['effect'], string>

/** What changes the answer when no vote says it. */
const CHANGE = {
  ask: 'make the call, then have it approved: cloned approvals approve ID',
  deny: 'change the rule that denies it: cloned policy show',
} as const

/** The result of a command that made one governed action. */
export function outcomeResult(outcome: Outcome, show: Show): CommandResult {
  const json = outcomeJson(outcome)
  const exit = EXIT_CODES[outcome.status]
  switch (outcome.status) {
    case 'done':
      return { exit, json, text: jsonText(outcome.output, show) }
    case 'dry-run':
      return { exit, json, text: dryRunText(outcome, show) }
    case 'pending':
      return { exit, json, text: '', problem: pendingText(outcome, show) }
    case 'denied':
      return { exit, json, text: '', problem: problemText('denied', outcome, show) }
    case 'failed':
      return { exit, json, text: '', problem: problemText('failed', outcome, show, EFFECT[outcome.effect]) }
  }
}

/** Indented JSON whose strings cannot steer a terminal. */
export function jsonText(value: Json, { printable }: Pick<Show, 'printable'>): string {
  return printable(JSON.stringify(value, null, 2), { lines: true })
}

/** Who voted what and why. */
export function ballotText(ballot: readonly Vote[], { table }: Show): string {
  const rows = ballot.map((vote) => [
    vote.plugin,
    vote.hook,
    vote.counted === false ? `${vote.effect} (not counted)` : vote.effect,
    // Some guards name the rule in the sentence already.
    vote.rule === undefined || vote.reason?.includes(vote.rule)
      ? (vote.reason ?? '')
      : [vote.reason, vote.rule].filter((text) => text !== undefined).join(' — '),
  ])
  return rows.length === 0 ? 'Nobody voted.' : table(['plugin', 'hook', 'vote', 'why'], rows)
}

function problemText(
  word: string,
  outcome: { code: string; reason: string; help: string; ballot: readonly Vote[] },
  show: Show,
  effect?: string,
): string {
  const { paint, printable } = show
  // What was let through and failed did not fail for its votes.
  const votes = word === 'denied' ? outcome.ballot.filter((vote) => vote.effect !== 'abstain') : []
  return [
    `${paint.red(paint.bold(word))} ${paint.dim(printable(outcome.code))} ${printable(outcome.reason, { lines: true })}`,
    ...(effect === undefined ? [] : [effect]),
    ...(votes.length === 0 ? [] : [ballotText(votes, show)]),
    `  ${printable(outcome.help, { lines: true })}`,
  ].join('\n')
}

/** What is waited for, who decides it and how. */
export function pendingText({ approval }: Pending, { howToDecide, paint, printable }: Omit<Show, 'table'>): string {
  const id = printable(approval.id)
  const { osUser } = approval.action.actor
  const asks = approval.asks.map((ask) => printable(ask.reason)).join('; ')
  return [
    `${paint.yellow(paint.bold('waiting for approval'))} ${id}: ${asks}`,
    `  Decide: ${howToDecide({ id: approval.id, osUser })}`,
    // Anything else runs as soon as it is approved.
    ...(approval.action.kind === 'tool.call' ? [`  Then:   cloned call --approval ${id}`] : []),
    `  Until:  ${new Date(approval.expiresAt).toISOString()}`,
  ].join('\n')
}

function dryRunText(outcome: DryRun, show: Show): string {
  const { paint, printable } = show
  const colour = { allow: paint.green, ask: paint.yellow, deny: paint.red }[outcome.verdict]
  const reserves = Object.entries(outcome.reserves).filter(([, taken]) => taken !== null)
  return [
    `${paint.bold(colour(outcome.verdict))}${outcome.reason === undefined ? '' : ` ${printable(outcome.reason)}`}`,
    '',
    ballotText(outcome.ballot, show),
    // What a taker writes into its token is its own affair; the document has it.
    ...reserves.map(([plugin]) => `Would be counted by ${printable(plugin)} (how: --json).`),
    ...(outcome.approval === undefined ? [] : [`An approval is at hand: ${printable(outcome.approval)}`]),
    ...(outcome.verdict === 'allow'
      ? []
      : [`To change the answer: ${printable(outcome.help ?? CHANGE[outcome.verdict])}`]),
    'Nothing was done.',
  ].join('\n')
}
