// What the policy costs where it is asked on every call, and how soon a change of it is in force in another process.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { initWorkspace, open } from 'cloned'
import { type Action, approvalsSlot, type Kernel, policyWrite } from 'cloned/kernel'
import { policySlot } from 'cloned/plugins/policy'
import { interleave, quantile, type Row, us } from './harness.js'

const TOOL = 'cloned.internal.fs.read@v1'
const IN_FORCE_MS = 100
const CHANGES = 11

export async function policyBench(): Promise<Row[]> {
  const root = mkdtempSync(join(tmpdir(), 'cloned-bench-'))
  initWorkspace(root, { type: 'personal', now: Date.now })
  const kernel = await open({ root })
  try {
    return [...(await asked(kernel)), await elsewhere(kernel, root)]
  } finally {
    await kernel.stop()
    rmSync(root, { recursive: true, force: true })
  }
}

async function asked(kernel: Kernel): Promise<Row[]> {
  const policy = kernel.service(policySlot)
  const tool = kernel.tools().find(({ id }) => id === TOOL)
  const action = { kind: 'tool.call', target: TOOL, depth: 0, tool } as unknown as Action
  const times = (run: () => unknown) => async (n: number) => {
    // In turns of the event loop as in a busy process, not all in one.
    for (let i = 0; i < n; i++) {
      run()
      if (i % 100 === 99) await new Promise(setImmediate)
    }
  }
  const medians = await interleave(
    [
      { name: 'snapshot', run: times(() => policy.snapshot()) },
      { name: 'decide', run: times(() => policy.decide(action)) },
    ],
    20_000,
  )
  return [...medians].map(([name, median]) => ({ what: `policy ${name}`, measured: us(median) }))
}

/** From the answer that a change is in force to the first call of another process that is judged by it. */
async function elsewhere(kernel: Kernel, root: string): Promise<Row> {
  const program = fileURLToPath(new URL('./policy-child.js', import.meta.url))
  const child = spawn(process.execPath, [program, root, TOOL], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  await lines.next()
  const late: number[] = []
  for (let i = 0; i < CHANGES; i++) {
    await write(kernel, i % 2 === 0 ? `tools: { deny: [ ${TOOL} ] }` : '# open')
    const changedAt = Date.now()
    const { value } = await lines.next()
    late.push(Math.max(0, Number(String(value).split(' ')[1]) - changedAt))
  }
  const gone = once(child, 'close')
  child.stdin.end()
  await gone
  const median = quantile(late, 0.5)
  return {
    what: 'policy change in force in another process',
    measured: `median ${median} ms, most ${quantile(late, 1)} ms of ${CHANGES}`,
    figure: median,
    target: `≤ ${IN_FORCE_MS} ms`,
    met: median <= IN_FORCE_MS,
  }
}

async function write(kernel: Kernel, line: string): Promise<void> {
  const { pack, overlay: previous } = kernel.service(policySlot).snapshot()
  const input = { pack, content: `version: 1\npack: ${pack}\n${line}\n`, previous }
  const outcome = await kernel.act(policyWrite, { target: pack, input })
  if (outcome.status !== 'pending') throw new Error(JSON.stringify(outcome))
  const { outcome: done } = await kernel
    .service(approvalsSlot)
    .decide(outcome.approval.id, { verdict: 'approve', by: kernel.actor() })
  if (done?.status !== 'done') throw new Error(JSON.stringify(done))
}
