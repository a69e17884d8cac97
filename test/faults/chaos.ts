// Kills callers at random points and checks what they left against the rules that must hold whatever happens.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { initWorkspace } from 'cloned'
import { expect } from 'vitest'

const CALLER = fileURLToPath(new URL('../../dist/test/fixtures/chaos/caller.js', import.meta.url))
const CHECKER = fileURLToPath(new URL('../../dist/test/fixtures/chaos/checker.js', import.meta.url))

/** A workspace for one test, removed at its end. */
export async function inWorkspace(run: (root: string) => Promise<void>): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'cloned-chaos-'))
  try {
    initWorkspace(root, { type: 'personal', now: Date.now })
    await run(root)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

/** A caller process: what it has said so far, and its end. */
export interface Caller {
  readonly child: ChildProcess
  readonly said: string[]
  readonly ready: Promise<void>
  readonly ended: Promise<number | string>
}

export function startCaller(root: string, limit: number, mode = 'mixed', count = 'Infinity'): Caller {
  const child = spawn(process.execPath, [CALLER, root, String(limit), mode, count], { stdio: ['pipe', 'pipe', 'pipe'] })
  const said: string[] = []
  let rest = ''
  let errors = ''
  let resolve = () => {}
  let reject: (error: Error) => void = () => {}
  const ready = new Promise<void>((yes, no) => {
    resolve = yes
    reject = no
  })
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    said.push(...lines)
    if (said.length > 0) resolve()
  })
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    errors += chunk
  })
  const ended = new Promise<number | string>((done) => {
    child.once('close', (code, signal) => {
      reject(new Error(`the caller ended before it was ready (${code ?? signal}): ${errors}`))
      done(code ?? signal ?? 'gone')
    })
  })
  return { child, said, ready, ended }
}

/** Kills one caller after it is ready and has worked for up to `ms`. Answers what it had said. */
export async function killOnce(root: string, limit: number, ms: number): Promise<readonly string[]> {
  const caller = startCaller(root, limit)
  await caller.ready
  await sleep(Math.random() * ms)
  caller.child.kill('SIGKILL')
  expect(await caller.ended).toBe('SIGKILL')
  return caller.said
}

/** What the checker process found after it had opened, and so recovered, the workspace. */
export interface Findings {
  readonly verifiedBefore: { readonly ok: boolean; readonly kind: string }
  readonly verifiedAfter: { readonly ok: boolean; readonly entries: number }
  readonly recovers: number
  readonly openMs: number
  readonly records: readonly { readonly [key: string]: unknown }[]
  readonly budgetUsed: number
  readonly runs: readonly { readonly id: string; readonly state: string }[]
  readonly runsAfter: readonly { readonly id: string; readonly state: string }[]
  readonly unsettled: readonly string[]
}

/** Opens the workspace in a process of its own, recovers, lets runs go on if asked to, and reports. */
export async function inspect(root: string, limit: number, resume = false): Promise<Findings> {
  const child = spawn(process.execPath, [CHECKER, root, String(limit), resume ? 'resume' : 'look'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    out += chunk
  })
  const code = await new Promise((done) => child.once('close', done))
  expect(code).toBe(0)
  return JSON.parse(out) as Findings
}

/** Holds the rules against a workspace that was killed, given everything that callers had said before. */
export function checkRules(root: string, found: Findings, said: readonly string[], limit: number): void {
  expect(found.verifiedBefore.ok || found.verifiedBefore.kind === 'torn', JSON.stringify(found.verifiedBefore)).toBe(
    true,
  )
  expect(found.verifiedAfter.ok).toBe(true)
  const of = (type: string) => found.records.filter((record) => record['type'] === type)
  const intents = new Map(of('tool.intent').map((record) => [String(record['call_id']), record]))
  const outcomes = new Map<string, Record<string, unknown>[]>()
  for (const record of of('tool.outcome')) {
    const id = String(record['call_id'])
    outcomes.set(id, [...(outcomes.get(id) ?? []), record])
  }

  // No executed call without a durable intent.
  const effects = readEffects(root)
  for (const call of effects) expect(intents.has(call), `effect of ${call} without an intent`).toBe(true)
  expect(new Set(effects).size, 'a call that ran twice').toBe(effects.length)

  // No lost acknowledged record.
  for (const line of said) {
    const [status, call] = line.split(' ')
    if (status === 'ready' || !call) continue
    expect(outcomes.get(call)?.[0]?.['status'], `acknowledged ${line}`).toBe(status)
  }

  // Every call has exactly one end.
  for (const [call] of intents) expect(outcomes.get(call), `ends of ${call}`).toHaveLength(1)

  // No approval used twice; what was released (effect none) may be used again.
  const used = [...intents.values()]
    .filter((intent) => intent['approval'] && outcomes.get(String(intent['call_id']))?.[0]?.['effect'] !== 'none')
    .map((intent) => intent['approval'])
  expect(new Set(used).size, 'an approval that was used twice').toBe(used.length)

  // Budgets exact: one for each call that ran or may have run, never over the limit, nothing left taken.
  const spent = [...intents.keys()].filter((call) => outcomes.get(call)?.[0]?.['effect'] !== 'none')
  expect(found.budgetUsed).toBe(spent.length)
  expect(found.budgetUsed).toBeLessThanOrEqual(limit)
  expect(found.unsettled).toEqual([])
}

function readEffects(root: string): readonly string[] {
  try {
    const lines = readFileSync(join(root, 'effects.log'), 'utf8').split('\n')
    return lines.filter((line) => line !== '').map((line) => line.split(' ')[0] ?? '')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
