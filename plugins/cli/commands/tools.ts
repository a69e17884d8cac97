// The commands `tools list`, `tools show` and `tools explain`; they read and judge, and never run a tool.
import { ClonedError, contractHash, didYouMean, type JsonObject, type ToolContract, type ToolCost } from 'cloned/kernel'
import type { Command, CommandContext } from '../slot.js'
import { jsonText, outcomeResult } from './outcome.js'
import type { CommandServices } from './services.js'

const ID = { name: 'id', description: 'Id of the tool, with its version', required: true } as const

export function toolCommands({ gate }: Pick<CommandServices, 'gate'>): readonly Command[] {
  return [
    {
      name: 'tools list',
      summary: 'List the tools that can be called here',
      examples: ['cloned tools list', 'cloned tools list --json'],
      needs: 'workspace',
      async run(ctx) {
        const tools = gate.tools()
        const rows = tools.map((tool) => [tool.id, tool.risk, tool.capability, tool.title])
        return {
          json: { tools: tools.map(({ id, title, risk, capability }) => ({ id, title, risk, capability })) },
          text: rows.length === 0 ? 'There are no tools.' : ctx.table(['tool', 'risk', 'capability', 'title'], rows),
        }
      },
    },
    {
      name: 'tools show',
      summary: 'Show the contract of a tool: schemas, risk, cost and hash',
      args: [ID],
      examples: ['cloned tools show cloned.internal.fs.read@v1'],
      needs: 'workspace',
      async run(ctx) {
        const id = ctx.args['id'] ?? ''
        const tools = gate.tools()
        const tool = tools.find((candidate) => candidate.id === id)
        if (!tool)
          throw new ClonedError('TOOL_UNKNOWN', {
            tool: id,
            near: didYouMean(
              id,
              tools.map((known) => known.id),
            ),
          })
        const hash = contractHash(tool)
        return { json: { hash, contract: { ...tool } as unknown as JsonObject }, text: contractText(tool, hash, ctx) }
      },
    },
    {
      name: 'tools explain',
      summary: 'Judge a call without making it: who votes what, and what would change the answer',
      args: [ID],
      options: [{ flags: '--input <json>', description: 'Input: JSON, @FILE, or - for standard input (default: {})' }],
      examples: ['cloned tools explain cloned.internal.fs.write@v1 --input \'{"path":"a.txt","content":"hello"}\''],
      needs: 'workspace',
      async run(ctx) {
        const request = { tool: ctx.args['id'] ?? '', input: await ctx.inputJson(ctx.options['input']) }
        return outcomeResult(
          await gate.explain(ctx.actor === undefined ? request : { ...request, actor: ctx.actor }),
          ctx,
        )
      },
    },
  ]
}

function costText(cost: ToolCost): string {
  if (typeof cost !== 'object') return String(cost)
  return [cost.base ?? 0, ...cost.terms.map(({ input, rate }) => `${rate} × ${input}`)].join(' + ')
}

function contractText(tool: ToolContract, hash: string, ctx: CommandContext): string {
  const { bold } = ctx.paint
  const cost = Object.entries(tool.cost).map(([category, amount]) => `${category} ${costText(amount)}`)
  const line = (text: string) => ctx.printable(text)
  return [
    `${bold(line(tool.id))}  ${line(tool.title)}`,
    line(tool.description),
    '',
    `risk ${tool.risk}, capability ${line(tool.capability)}, ${tool.idempotent ? 'idempotent' : 'not idempotent'}`,
    `cost ${cost.length === 0 ? 'one call' : line(cost.join(', '))}, given up after ${tool.timeoutMs} ms`,
    `contract sha256:${hash}`,
    '',
    bold('Input'),
    jsonText(tool.input, ctx),
    bold('Output'),
    jsonText(tool.output, ctx),
  ].join('\n')
}
