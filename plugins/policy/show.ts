// The command `policy show`: the policy in force and where each rule stands; reads only.
import type { Gate, Json } from 'cloned/kernel'
import type { Command, CommandContext } from '../cli/slot.js'
import type { LivePolicy } from './live.js'

/** Of which policy, and over which tools. */
export interface ShowParts {
  readonly policy: () => LivePolicy
  readonly name: () => string
  readonly gate: Pick<Gate, 'tools'>
}

export function showCommand({ policy, name, gate }: ShowParts): Command {
  return {
    name: 'policy show',
    summary: 'Show the policy in force and where each rule stands',
    options: [{ flags: '--effective', description: 'Also show what the policy answers for every tool' }],
    examples: ['cloned policy show', 'cloned policy show --effective --json'],
    needs: 'workspace',
    async run(ctx) {
      const live = policy()
      await live.reading()
      const snapshot = live.snapshot()
      const { rules } = live.effective()
      const tools = ctx.options['effective'] === true ? answers(live, gate) : undefined
      const unproven = live.unproven()
      const json = {
        file: name(),
        snapshot,
        rules,
        ...(unproven ? { unproven: unproven.toJSON() } : {}),
        ...(tools ? { tools } : {}),
      } as unknown as Json
      const text = [
        ...(unproven ? [ctx.paint.red(ctx.printable(`${unproven.message} ${unproven.help}`))] : []),
        heading(snapshot, name(), ctx),
        ctx.table(
          ['section', 'value', 'stands in'],
          rules.map(({ section, value, at }) => [section, value, at].map((cell) => ctx.printable(cell))),
        ),
        ...(tools
          ? [
              ctx.table(
                ['tool', 'risk', 'answer', 'rule'],
                tools.map(({ tool, risk, answer, rule }) =>
                  [tool, risk, answer, rule].map((cell) => ctx.printable(cell)),
                ),
              ),
            ]
          : []),
      ]
      return { json, text: text.join('\n\n') }
    },
  }
}

function answers(live: LivePolicy, gate: ShowParts['gate']) {
  const { judge } = live.effective()
  return gate.tools().map((tool) => {
    const { answer, rule } = judge.tool(tool)
    return { tool: tool.id, risk: tool.risk, answer, rule }
  })
}

function heading(
  { pack, overlay, drift, digest }: ReturnType<LivePolicy['snapshot']>,
  name: string,
  ctx: CommandContext,
) {
  const state = overlay === null ? 'without an overlay' : `with the approved overlay of ${name}`
  const lines = [`${ctx.paint.bold(pack)} pack ${state} (digest ${digest.slice(0, 12)})`]
  if (drift) lines.push(ctx.paint.yellow(`${name} is not what was approved and is not in force: cloned policy adopt`))
  return lines.join('\n')
}
