// Calls and starts of sandboxed workers, against a bare child that answers lines.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { HandlerContext, Logger } from 'cloned/kernel'
import { launch } from '../../plugins/connectors/launch.js'
import type { Services } from '../../plugins/connectors/services.js'
import type { Worker } from '../../plugins/connectors/worker.js'
import type { ConnectorManifest, PackageTool } from '../../plugins/package/slot.js'
import type { Sandbox, SandboxProcess } from '../../plugins/sandbox/slot.js'
import { bubblewrapBackend } from '../../plugins/sandbox-bubblewrap/backend.js'
import { interleave, latencies, quantile, type Row, ratio, us } from './harness.js'

const SERVE = `
import { defineConnector, defineTool, serve } from 'cloned/connector'
serve(defineConnector({ id: 'bench.echo', version: '1.0.0', publisher: 'bench', title: '', description: '', tools: [
  defineTool({ id: 'bench.echo.do', version: 1, title: '', description: '', input: {}, output: {}, risk: 'low',
    capability: 'bench', run: (input) => input })] }))`
const BARE = `
import { createInterface } from 'node:readline'
for await (const line of createInterface({ input: process.stdin }))
  process.stdout.write(JSON.stringify({ id: JSON.parse(line).id, output: JSON.parse(line).input }) + '\\n')`
const INPUT = { path: 'docs/guide.md', lines: [1, 2, 3], note: 'a note of usual length for a call' }
const ROUNDS = 9
/** Some kernels share the processors out by session, so that all contenders need one of their own. */
const APART = { detached: true }
/** Until compiled code answers, on both sides. */
const WARM = 4000

const tool = { id: 'bench.echo.do@v1', timeout_ms: 60_000, egress_hosts: [] } as unknown as PackageTool
const manifest = {
  id: 'bench.echo',
  version: '1.0.0',
  protocol: 1,
  runtime: { kind: 'node', entry: 'serve.mjs' },
  tools: [tool],
} as unknown as ConnectorManifest
const nothing = () => undefined
const log: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing }

export async function workerBench(): Promise<Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'cloned-bench-worker-'))
  writeFileSync(join(directory, 'serve.mjs'), SERVE)
  writeFileSync(join(directory, 'bare.mjs'), BARE)
  const confined = bubblewrapBackend()
  mkdirSync(join(directory, 'node_modules'))
  symlinkSync(fileURLToPath(new URL('../../../', import.meta.url)), join(directory, 'node_modules', 'cloned'))
  const parts = (start: Sandbox['start']) => ({
    sandbox: { start } as Sandbox,
    egress: undefined,
    services: {} as Services,
    log,
    now: Date.now,
    config: { startMs: 30_000, graceMs: 2_000 },
  })
  const sandboxed = parts((program) => confined.start(program))
  const open = parts(async () => plain(join(directory, 'serve.mjs')))
  try {
    const worker = await launch({ directory, manifest }, sandboxed)
    const bare = bareChild(join(directory, 'bare.mjs'))
    const calls = { worker: [] as number[], bare: [] as number[] }
    await latencies(() => call(worker), WARM)
    await latencies(() => bare.ask(INPUT), WARM)
    for (let round = 0; round < ROUNDS; round++) {
      calls.worker.push((await latencies(() => call(worker), 500)).p50)
      calls.bare.push((await latencies(() => bare.ask(INPUT), 500)).p50)
    }
    worker.kill()
    bare.child.kill()

    const started = (how: typeof open) => async (n: number) => {
      for (let i = 0; i < n; i++) {
        const each = await launch({ directory, manifest }, how)
        await call(each)
        each.kill()
        await each.ended
      }
    }
    const starts = await interleave(
      [
        { name: 'sandboxed', run: started(sandboxed) },
        { name: 'open', run: started(open) },
      ],
      2,
    )
    const median = (values: readonly number[]) => quantile(values, 0.5)
    const of = (name: string) => starts.get(name) ?? Number.NaN
    const adds = (of('sandboxed') - of('open')) / 1000
    return [
      ratio(
        'worker call, p50, against a bare child that answers lines',
        median(calls.worker) / median(calls.bare),
        { atMost: 1.5 },
        us(median(calls.worker)),
      ),
      {
        what: 'start of a worker: the sandbox adds',
        measured: `${adds.toFixed(1)} ms`,
        target: '≤ 80 ms',
        figure: adds,
        met: adds <= 80,
      },
      {
        what: 'cold first call of a sandboxed Node connector',
        measured: us(of('sandboxed')),
        target: '≤ 0.6 s',
        figure: of('sandboxed') / 1e6,
        met: of('sandboxed') <= 600_000,
      },
    ]
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** The same program without anything around it. */
function plain(path: string): SandboxProcess {
  const child = spawn(process.execPath, [path], {
    stdio: ['pipe', 'pipe', 'pipe'],
    cwd: dirname(path),
    env: {},
    ...APART,
  })
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
  const { stdin, stdout, stderr } = child
  return { stdin, stdout, stderr, backend: 'off', ended, kill: () => void child.kill('SIGKILL') }
}

let calls = 0
const { signal } = new AbortController()

async function call(worker: Worker): Promise<unknown> {
  const ctx = { callId: `call-${++calls}`, signal } as unknown as HandlerContext
  return await worker.call({ connector: 'bench.echo', toolId: tool.id, tool, ctx, reached: 0, requests: 0 }, INPUT)
}

function bareChild(program: string): { child: ChildProcess; ask: (input: unknown) => Promise<unknown> } {
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'], ...APART })
  const waiting = new Map<number, (answer: unknown) => void>()
  let asked = 0
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { id, output } = JSON.parse(line) as { id: number; output: unknown }
    waiting.get(id)?.(output)
    waiting.delete(id)
  })
  return {
    child,
    ask: (input) =>
      new Promise((resolve) => {
        waiting.set(++asked, resolve)
        child.stdin.write(`${JSON.stringify({ id: asked, input })}\n`)
      }),
  }
}
