// Tells at which phase of a call a kill landed, from what the dead process had said and what it left; changes nothing.
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type JsonObject, openDatabase } from 'cloned/kernel'
import { readEffects } from './chaos-rules.js'

/** Where a kill can land, in the order of a call's life; the last three are not of a call. */
export const PHASES = [
  'before anything was taken',
  'between take and intent',
  'between intent and effect',
  'between effect and outcome',
  'between outcome and settlement',
  'while a run waited',
  'while it recovered another',
  'before it was ready',
] as const
export type Phase = (typeof PHASES)[number]

/** The phases that a process was in when it was killed. To be asked before anybody recovers the workspace. */
export function phasesOf(root: string, said: readonly string[]): ReadonlySet<Phase> {
  const phases = new Set<Phase>()
  const ids = (word: string) => said.filter((line) => line.startsWith(`${word} `)).map((line) => line.split(' ')[1])
  const log = readLog(join(root, '.cloned', 'audit.log'))
  const ran = new Set(readEffects(join(root, 'effects.log')).map((line) => line.split(' ')[0]))
  const { taken, waiting } = readStore(join(root, '.cloned'))
  const has = (type: string, id: unknown) => log.some((record) => record['type'] === type && record['call_id'] === id)
  for (const id of ids('judging')) {
    const phase = phaseOf({
      taken: taken.includes(String(id)),
      intent: has('tool.intent', id),
      outcome: has('tool.outcome', id),
      effect: ran.has(id),
    })
    if (phase) phases.add(phase)
  }
  if (ids('run').some((id) => waiting.includes(String(id)))) phases.add('while a run waited')
  if (!said.some((line) => line.startsWith('ready '))) {
    phases.add(ids('recovering').length > 0 ? 'while it recovered another' : 'before it was ready')
  }
  return phases
}

interface Traces {
  readonly taken: boolean
  readonly intent: boolean
  readonly outcome: boolean
  readonly effect: boolean
}

function phaseOf({ taken, intent, outcome, effect }: Traces): Phase | undefined {
  if (outcome) return intent && taken ? 'between outcome and settlement' : undefined
  if (intent) return effect ? 'between effect and outcome' : 'between intent and effect'
  return taken ? 'between take and intent' : 'before anything was taken'
}

function readLog(path: string): readonly JsonObject[] {
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n')
  // The last one is empty, or torn.
  return lines.slice(0, -1).map((line) => JSON.parse(line) as JsonObject)
}

/** Reads a copy: opening the store itself would do a part of its recovery. */
function readStore(directory: string): { readonly taken: readonly string[]; readonly waiting: readonly string[] } {
  if (!existsSync(join(directory, 'state.db'))) return { taken: [], waiting: [] }
  const copy = mkdtempSync(join(tmpdir(), 'cloned-chaos-copy-'))
  try {
    for (const suffix of ['', '-wal']) {
      const file = join(directory, `state.db${suffix}`)
      if (existsSync(file)) cpSync(file, join(copy, `state.db${suffix}`))
    }
    const database = openDatabase(join(copy, 'state.db'))
    try {
      const tables = database.prepare("select name from sqlite_schema where type = 'table'").all()
      const column = (table: string, sql: string) =>
        tables.some(({ name }) => name === table)
          ? database
              .prepare(sql)
              .all()
              .map((row) => String(Object.values(row)[0]))
          : []
      return {
        taken: [
          ...column('budget_takes', "select call_id from budget_takes where state = 'taken'"),
          ...column('approvals', "select used_by from approvals where state = 'taken'"),
        ],
        waiting: column('runs', "select id from runs where state = 'waiting'"),
      }
    } finally {
      database.close()
    }
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}
