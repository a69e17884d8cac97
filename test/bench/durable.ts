// Governed calls with a durable log against a raw loop that writes and syncs the same two dependent batches.
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { builtIns, initWorkspace } from 'cloned'
import { createKernel, defineDistribution, type Kernel } from 'cloned/kernel'
import { flight, quantile, type Row, ratio } from './harness.js'
import { INPUT, noop, noopPlugin } from './parts.js'

const LINE = 'x'.repeat(700)
const ROUNDS = 7

export async function durableBench(): Promise<Row[]> {
  const root = mkdtempSync(join(tmpdir(), 'cloned-bench-'))
  initWorkspace(root, { type: 'personal', now: Date.now })
  const plugins = [...builtIns, noopPlugin]
  const kernel = createKernel(
    defineDistribution({ name: 'bench', version: '1.0.0', plugins, omit: ['cloned.budgets'] }),
    {
      config: { 'cloned.workspace': { root } },
    },
  )
  await kernel.start()
  const rows: Row[] = []
  for (const width of [1, 8, 64, 256]) rows.push(await compare(kernel, root, width))
  await kernel.stop()
  rmSync(root, { recursive: true, force: true })
  return rows
}

async function compare(kernel: Kernel, root: string, width: number): Promise<Row> {
  const calls = Math.max(200, width * 24)
  const governed: number[] = []
  const raw: number[] = []
  await governedRound(kernel, Math.ceil(calls / 4), width)
  for (let round = 0; round < ROUNDS; round++) {
    raw.push(rawRound(root, calls, width))
    governed.push(await governedRound(kernel, calls, width))
  }
  const ours = quantile(governed, 0.5)
  const theirs = quantile(raw, 0.5)
  const measured = `${Math.round(ours)}/s vs ${Math.round(theirs)}/s raw`
  return ratio(`governed durable calls, ${width} in flight`, ours / theirs, { atLeast: 0.5 }, measured)
}

async function governedRound(kernel: Kernel, calls: number, width: number): Promise<number> {
  const start = performance.now()
  await flight(calls, width, async () => {
    const outcome = await kernel.call({ tool: noop.id, input: INPUT, actor: 'agent:bench' })
    if (outcome.status !== 'done') throw new Error(JSON.stringify(outcome))
  })
  return calls / ((performance.now() - start) / 1000)
}

/** For each group of `width` calls: one batch of intents, one of outcomes, each written and synced before the next. */
function rawRound(root: string, calls: number, width: number): number {
  const fd = openSync(join(root, 'raw.log'), 'a')
  const batch = Buffer.from(`${LINE}\n`.repeat(width))
  const start = performance.now()
  for (let done = 0; done < calls; done += width) {
    for (let half = 0; half < 2; half++) {
      writeSync(fd, batch)
      fdatasyncSync(fd)
    }
  }
  const rate = calls / ((performance.now() - start) / 1000)
  closeSync(fd)
  return rate
}
