// Kills processes that carry runs until every run has ended, and says what then stands in the world, the budget and the log.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { JsonObject } from 'cloned/kernel'
import { openAuditLog } from 'cloned/plugins/audit'
import { storeSlot } from 'cloned/plugins/store'
import { COST } from '../fixtures/chaos/options.js'
import { initKilled, ONLY_ONCE, openKilled } from '../fixtures/runs-killed-parts.js'

const CHILD = fileURLToPath(new URL('../../dist/test/fixtures/runs-killed.js', import.meta.url))

/** What is left when every run has ended. */
export interface Left {
  readonly kills: number
  /** Runs by state. */
  readonly states: Readonly<Record<string, number>>
  /** Steps whose effect is not there exactly once, though it must be. */
  readonly notOnce: readonly string[]
  /** What the budget says was used, and what the log says, in calls. */
  readonly used: number
  readonly recorded: number
  /** Why the log does not verify. */
  readonly broken: string | undefined
  /** How many steps had to be settled by a person. */
  readonly asked: number
}

/** Carries `total` runs through kills, each at most `every` milliseconds after a process was ready or has begun a run. */
export async function killedRuns(total: number, every: number): Promise<Left> {
  if (!existsSync(CHILD)) throw new Error(`${CHILD} is missing: run "npm run build" first`)
  const root = mkdtempSync(join(tmpdir(), 'cloned-killed-'))
  initKilled(root)
  try {
    let kills = 0
    while (!(await round(root, total, { from: kills % 3 === 2 ? 'ready' : 'working', ms: Math.random() * every })))
      kills++
    return { kills, ...(await look(root, total)) }
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

/** One process; whether it came to its own end. */
async function round(root: string, total: number, life: { from: string; ms: number }): Promise<boolean> {
  const child: ChildProcess = spawn(process.execPath, [CHILD, root, String(total)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  let ended = false
  let timer: NodeJS.Timeout | undefined
  if (!child.stdout) throw new Error('the process has no output')
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === life.from) timer ??= setTimeout(() => child.kill('SIGKILL'), life.ms)
    if (line === 'ended') ended = true
  }
  clearTimeout(timer)
  const [code, signal] = await exited
  if (!ended && signal !== 'SIGKILL') throw new Error(`the process ended by itself: ${String(code)}`)
  return ended
}

async function look(root: string, total: number): Promise<Omit<Left, 'kills'>> {
  const dir = join(root, '.cloned')
  const kernel = await openKilled(root)
  const store = kernel.service(storeSlot)
  const states: Record<string, number> = {}
  for (const row of await store.all('select state, count(*) as n from runs group by state')) {
    states[String(row['state'])] = Number(row['n'])
  }
  const [used] = await store.all('select coalesce(sum(used), 0) as used from budget_used')
  await kernel.stop()
  const lines = readFileSync(join(dir, 'audit.log'), 'utf8').split('\n').filter(Boolean)
  const records = lines.map((line) => JSON.parse(line) as JsonObject)
  const nothing = new Set(
    records
      .filter(({ type, effect, status }) => type === 'tool.outcome' && (effect === 'none' || status === 'denied'))
      .map(({ intent }) => intent),
  )
  const paid = records.filter(({ type, seq }) => type === 'tool.intent' && !nothing.has(seq ?? null))
  const audit = openAuditLog({ dir })
  const verdict = await audit.verify()
  await audit.close()
  return {
    states,
    notOnce: notOnce(readFileSync(join(root, 'effects.log'), 'utf8'), total),
    used: Math.round(Number(used?.['used']) / 1_000_000 / COST),
    recorded: paid.length,
    broken: verdict.ok ? undefined : verdict.problem?.message,
    asked: records.filter(({ type }) => type === 'run.settle' || type === 'run.retry').length,
  }
}

function notOnce(effects: string, total: number): readonly string[] {
  const counted = new Map<string, number>()
  for (const line of effects.split('\n')) {
    const name = line.split(' ')[2] ?? ''
    counted.set(name, (counted.get(name) ?? 0) + 1)
  }
  const names = Array.from({ length: total }, (_, i) => ONLY_ONCE.map((path) => `run-${i}/${path}`)).flat()
  return names.filter((name) => counted.get(name) !== 1)
}
