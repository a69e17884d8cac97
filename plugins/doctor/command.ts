// The command `doctor`: every check with its fix; it mends nothing itself.
import type { ClonedError, Contribution, JsonObject } from 'cloned/kernel'
import type { Command, CommandContext } from '../cli/slot.js'
import { examine } from './examine.js'
import type { DoctorCheck, DoctorReport, DoctorRow } from './slot.js'

/** Without a workspace there is nothing to be ill: any other failure to start is a finding. */
const NO_WORKSPACE = 'WORKSPACE_MISSING'

export function doctorCommand(checks: () => readonly Contribution<DoctorCheck>[], plugin: string): Command {
  return {
    name: 'doctor',
    summary: 'Check this machine and this workspace, with a fix for every finding',
    examples: ['cloned doctor', 'cloned doctor --json'],
    needs: 'workspace-if-usable',
    async run(ctx) {
      const start = startRow(ctx.startError, plugin)
      const rows = [start, ...(await examine(checks(), { workspaceOpen: ctx.startError === undefined }))]
      const failed = rows.filter((row) => row.level === 'fail').length
      const warned = rows.filter((row) => row.level === 'warn').length
      const report: DoctorReport = { ok: failed === 0, failed, warned, checks: rows }
      return {
        exit: failed > 0 ? 1 : 0,
        json: report as unknown as JsonObject,
        text: text(rows, failed, warned, ctx),
      }
    },
  }
}

function startRow(error: ClonedError | undefined, plugin: string): DoctorRow {
  const id = 'workspace.open'
  if (!error) return { id, plugin, level: 'ok', message: 'every plugin starts' }
  const level = String(error.code) === NO_WORKSPACE ? 'warn' : 'fail'
  return { id, plugin, level, message: error.message, fix: error.help }
}

function text(rows: readonly DoctorRow[], failed: number, warned: number, ctx: CommandContext): string {
  const { green, yellow, red, dim } = ctx.paint
  const mark = { ok: green('ok  '), warn: yellow('warn'), fail: red('FAIL'), skip: dim('skip') }
  const width = Math.max(...rows.map((row) => row.id.length))
  // A fix has a line of its own: it is there to be copied.
  const lines = rows.flatMap(({ level, id, message, fix }) => [
    `${mark[level]}  ${ctx.printable(id).padEnd(width)}  ${ctx.printable(message)}`,
    ...(fix === undefined ? [] : [`${' '.repeat(width + 8)}fix: ${ctx.printable(fix)}`]),
  ])
  const verdict = failed > 0 ? red(`${failed} failed`) : green('Nothing failed')
  return `${lines.join('\n')}\n\n${verdict}, ${warned} warning(s).`
}
