// Starts, kills and inspects the processes of the chaos tests; judges nothing itself.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { initWorkspace } from 'cloned'
import type { Findings } from '../fixtures/chaos/checker.js'
import type { CallerOptions, CheckerOptions } from '../fixtures/chaos/options.js'

const program = (name: string) => fileURLToPath(new URL(`../../dist/test/fixtures/chaos/${name}.js`, import.meta.url))

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

/** A process of the chaos tests. */
export interface Process {
  /** Every line so far. */
  readonly said: readonly string[]
  /** Resolves with the n-th line that starts so, said already or later. Rejects when the process ends without it. */
  heard(start: string, nth?: number): Promise<string>
  tell(line: string): void
  /** Ends it as `kill -9` does and waits until it is gone. Fails when it had ended before. */
  kill(): Promise<void>
  /** Ends it in the same way, if it has not ended. */
  end(): Promise<void>
  /** The exit code, or the signal, and what it wrote to standard error. */
  readonly ended: Promise<{ readonly code: number | string; readonly errors: string }>
}

/** Starts a caller. It ends by itself when the process of the test does. */
export function startCaller(options: CallerOptions): Process {
  return start('caller', options)
}

/** Starts a caller under strace, which kills it when it enters a system call for the n-th time in one thread. */
export function startTraced(options: CallerOptions, systemCall: string, nth: number): Process {
  const inject = `inject=${systemCall}:signal=SIGKILL:when=${nth}`
  return start('caller', options, ['strace', '-f', '-qq', '-o', '/dev/null', '-e', inject])
}

function start(name: string, options: CallerOptions | CheckerOptions, under: readonly string[] = []): Process {
  const [command = '', ...args] = [...under, process.execPath, program(name), JSON.stringify(options)]
  const child = spawn(command, args, { stdio: 'pipe' })
  const said: string[] = []
  let rest = ''
  let errors = ''
  let over = false
  const waiting: (() => void)[] = []
  const wake = () => {
    for (const resolve of waiting.splice(0)) resolve()
  }
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) said.push(line)
    wake()
  })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    errors += chunk
  })
  // A line for a process that has just ended: its end is what the test sees.
  child.stdin.on('error', () => undefined)
  const ended = new Promise<{ code: number | string; errors: string }>((resolve) => {
    child.once('close', (code, signal) => {
      over = true
      resolve({ code: code ?? signal ?? 'gone', errors })
      wake()
    })
  })
  return {
    said,
    async heard(start, nth = 1) {
      for (;;) {
        const line = said.filter((one) => one.startsWith(start))[nth - 1]
        if (line !== undefined) return line
        if (over) throw new Error(`the ${name} ended before it said "${start}": ${errors}`)
        await new Promise<void>((resolve) => waiting.push(resolve))
      }
    },
    tell: (line) => void child.stdin.write(`${line}\n`),
    async kill() {
      child.kill('SIGKILL')
      const { code } = await ended
      if (code !== 'SIGKILL') throw new Error(`the ${name} had ended by itself (${code}): ${errors}`)
    },
    async end() {
      child.kill('SIGKILL')
      await ended
    },
    ended,
  }
}

/** Kills a caller after it has worked for up to `ms`. Answers everything that it had said. */
export async function killAtRandom(options: CallerOptions, ms: number): Promise<readonly string[]> {
  const caller = startCaller(options)
  await caller.heard('ready')
  await sleep(Math.random() * ms)
  await caller.kill()
  return caller.said
}

/** Opens the workspace in a process of its own, which recovers it, and reports. The process ends well. */
export async function inspect(
  options: CheckerOptions,
): Promise<{ readonly found: Findings; readonly said: readonly string[] }> {
  const checker = start('checker', options)
  const { code, errors } = await checker.ended
  const report = checker.said.find((line) => line.startsWith('findings '))
  if (code !== 0 || report === undefined) throw new Error(`the checker ended with ${code}: ${errors}`)
  return {
    found: JSON.parse(report.slice('findings '.length)) as Findings,
    said: checker.said.filter((line) => line !== report),
  }
}
