// A doctor that shows what is ill first, in the place of the built-in one; it mends nothing itself.
import { type ClonedError, type Contribution, definePlugin, isClonedError, type JsonObject } from 'cloned/kernel'
import { type Command, type CommandContext, commandsCollection } from 'cloned/plugins/cli'
import {
  type DoctorCheck,
  type DoctorReport,
  type DoctorResult,
  type DoctorRow,
  doctorChecksCollection,
} from 'cloned/plugins/doctor'

const ID = 'acme.doctor'
const PATIENCE_MS = 5_000
const ORDER = ['fail', 'warn', 'skip', 'ok'] as const

/** It owns no slot but the list of checks, so the other owner is left out: `omit: ['cloned.doctor']`. */
export default definePlugin({
  id: ID,
  version: '1.0.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Runs every check and shows what is ill first.',
  owns: { checks: doctorChecksCollection },
  contributes: { commands: commandsCollection },
  setup: ({ collected }) => ({ commands: [doctor(collected.checks)] }),
})

function doctor(checks: () => readonly Contribution<DoctorCheck>[]): Command {
  return {
    name: 'doctor',
    summary: 'Check this machine and this workspace, what is ill first',
    examples: ['cloned doctor', 'cloned doctor --json'],
    needs: 'workspace-if-usable',
    async run(ctx) {
      const found = await Promise.all(checks().map((check) => examine(check, ctx.startError === undefined)))
      const rows = [startRow(ctx.startError), ...found].sort((a, b) => ORDER.indexOf(a.level) - ORDER.indexOf(b.level))
      const count = (level: DoctorRow['level']) => rows.filter((row) => row.level === level).length
      const [failed, warned] = [count('fail'), count('warn')]
      const report: DoctorReport = { ok: failed === 0, failed, warned, checks: rows }
      return { exit: failed > 0 ? 1 : 0, json: report as unknown as JsonObject, text: textOf(rows, ctx) }
    },
  }
}

async function examine({ plugin, item }: Contribution<DoctorCheck>, isOpen: boolean): Promise<DoctorRow> {
  const { id, needs } = item
  const row = { id, plugin }
  if (!isOpen && needs !== 'nothing') return { ...row, level: 'skip', message: 'needs an open workspace' }
  const ill = (message: string): DoctorRow => ({
    ...row,
    level: 'fail',
    message,
    fix: `Tell the author of "${plugin}"`,
  })
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), PATIENCE_MS)
  })
  try {
    const result: unknown = await Promise.race([item.run(), late])
    if (result === undefined) return ill('it gave no answer in time')
    return isResult(result) ? { ...row, ...result } : ill('what it answered is no result')
  } catch (error) {
    if (isClonedError(error)) return { ...row, level: 'fail', message: error.message, fix: error.help }
    return ill(`it threw: ${String(error)}`)
  } finally {
    clearTimeout(timer)
  }
}

function isResult(value: unknown): value is DoctorResult {
  if (typeof value !== 'object' || value === null) return false
  const { level, message, fix } = value as Partial<Record<keyof DoctorResult, unknown>>
  const isText = typeof message === 'string' && (fix === undefined || typeof fix === 'string')
  return isText && (level === 'ok' || level === 'warn' || level === 'fail')
}

function startRow(error: ClonedError | undefined): DoctorRow {
  const row = { id: 'workspace.open', plugin: ID }
  if (!error) return { ...row, level: 'ok', message: 'every plugin starts' }
  // Where there is no workspace, none is ill.
  const level = error.code === 'WORKSPACE_MISSING' ? 'warn' : 'fail'
  return { ...row, level, message: error.message, fix: error.help }
}

function textOf(rows: readonly DoctorRow[], { table, printable, paint }: CommandContext): string {
  const paints = { fail: paint.red, warn: paint.yellow, skip: paint.dim, ok: paint.green }
  const listed = table(
    ['', 'check', 'found'],
    rows.map(({ level, id, message }) => [paints[level](level), id, message]),
  )
  const fixes = rows.flatMap(({ id, level, fix }) => (fix && level !== 'ok' ? [`${id}: ${fix}`] : []))
  return [listed, ...fixes.map((fix) => printable(fix, { lines: true }))].join('\n')
}
