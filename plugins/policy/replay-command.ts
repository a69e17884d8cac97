// The command `policy replay`: shows what a candidate policy would have answered to the recorded calls; reads only.
import { resolve } from 'node:path'
import type { AuditLog, Gate, Json } from 'cloned/kernel'
import type { Command } from '../cli/slot.js'
import { egressOf, type Judges } from './egress-judge.js'
import { compileNamed } from './loose.js'
import { replay } from './replay.js'

export interface ReplayParts {
  readonly audit: Pick<AuditLog, 'scan'>
  readonly gate: Pick<Gate, 'tools'>
  readonly judges: Judges
}

export function replayCommand({ audit, gate, judges }: ReplayParts): Command {
  return {
    name: 'policy replay',
    summary: 'Show which recorded calls a candidate policy would have answered differently; runs nothing',
    options: [
      { flags: '--candidate <file>', description: 'The overlay to judge by, with the pack that it names' },
      { flags: '--from <seq>', description: 'Begin at this record of the audit log; the first one when absent' },
    ],
    examples: [
      'cloned policy replay --candidate proposal.yaml',
      'cloned policy replay --candidate proposal.yaml --json',
    ],
    needs: 'workspace',
    async run(ctx) {
      const { candidate: path, from = '1' } = ctx.options
      if (typeof path !== 'string') throw ctx.usageError('it needs --candidate FILE')
      if (!/^[1-9]\d{0,15}$/.test(String(from))) throw ctx.usageError('--from is the number of a record')
      const candidate = compileNamed(resolve(ctx.cwd, path))
      const egress = egressOf(candidate, judges)
      const found = await replay(audit.scan(Number(from)), { ...candidate, egress, tools: gate.tools() })
      const head = ['kind', 'target', 'actor', 'calls', 'then', 'now', 'rule']
      const rows = found.changed.map(({ kind, target, actor, count, recorded, candidate: answer, rule }) =>
        [kind, target, actor, String(count), recorded, answer, rule].map((cell) => ctx.printable(cell)),
      )
      const unjudged = Object.entries(found.unjudged).map(([reason, count]) => `Not judged: ${count} (${reason}).`)
      const alike = `${found.judged} recorded calls were judged; ${rows.length === 0 ? 'none would be answered differently' : 'those above would be answered differently'}.`
      return {
        json: found as unknown as Json,
        text: [...(rows.length === 0 ? [] : [ctx.table(head, rows)]), alike, ...unjudged].join('\n'),
      }
    },
  }
}
