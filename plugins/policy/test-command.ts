// The command `policy test`: asks a policy a table of calls and fails on the first answer that is another one.
import { resolve } from 'node:path'
import type { Gate, Json } from 'cloned/kernel'
import type { Command, CommandContext } from '../cli/slot.js'
import { parseCases, runCases } from './cases.js'
import { compilePolicy, type Effective } from './effective.js'
import type { Judges } from './egress-judge.js'
import type { LivePolicy } from './live.js'
import { compileNamed, packOf, readNamed } from './loose.js'

export interface TestParts {
  readonly policy: () => LivePolicy
  readonly judges: Judges
  readonly gate: Pick<Gate, 'tools'>
}

export function testCommand({ policy, judges, gate }: TestParts): Command {
  return {
    name: 'policy test',
    summary: 'Ask a policy a table of calls, and fail when an answer is another one than expected',
    args: [{ name: 'cases', description: 'The table (schemas/policy_cases.schema.json)', required: true }],
    options: [
      { flags: '--pack <pack>', description: 'Ask this built-in pack; needs no workspace' },
      { flags: '--overlay <file>', description: 'Ask the pack with this overlay; needs no workspace' },
    ],
    examples: [
      'cloned policy test cases.yaml --pack personal',
      'cloned policy test cases.yaml --overlay proposal.yaml',
    ],
    needs: 'workspace-if-usable',
    async run(ctx) {
      const path = ctx.args['cases']
      if (path === undefined) throw ctx.usageError('it needs a table of cases')
      const table = parseCases(readNamed(resolve(ctx.cwd, path)).text, path)
      const effective = chosen(ctx, table.pack) ?? (await inForce(ctx, policy))
      const tools = ctx.startError === undefined ? gate.tools() : []
      const results = runCases(table, effective, { tools, judges })
      const wrong = results.filter(({ ok }) => !ok)
      const rows = wrong.map(({ name, expect, answer, rule }) =>
        [name, expect, answer, rule].map((cell) => ctx.printable(cell)),
      )
      const count = `${results.length - wrong.length} of ${results.length} cases answered as expected`
      const text = wrong.length === 0 ? count : `${ctx.table(['case', 'expected', 'answer', 'rule'], rows)}\n${count}`
      return {
        exit: wrong.length === 0 ? 0 : 1,
        json: { cases: results as unknown as Json, failed: wrong.length },
        text,
      }
    },
  }
}

function chosen(ctx: CommandContext, named: string | undefined): Effective | undefined {
  const { overlay, pack = named } = ctx.options
  if (typeof overlay === 'string') {
    const compiled = compileNamed(resolve(ctx.cwd, overlay))
    if (pack === undefined || pack === compiled.pack) return compiled
    throw ctx.usageError(`${overlay} lies on the ${compiled.pack} pack`)
  }
  if (pack === undefined) return undefined
  const known = packOf(pack)
  if (!known) throw ctx.usageError('--pack is personal, shared or enterprise')
  return compilePolicy(known, undefined, `.cloned/policy/${known}.yaml`)
}

async function inForce(ctx: CommandContext, policy: () => LivePolicy): Promise<Effective> {
  if (ctx.startError) throw ctx.startError
  const live = policy()
  live.snapshot()
  await live.reading()
  const unproven = live.unproven()
  if (unproven) throw unproven
  return live.effective()
}
