// The gate against the same validation, JSON and crypto inline: what governing a call costs by itself.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { builtIns, initWorkspace } from 'cloned'
import {
  canonical,
  compileSchema,
  createKernel,
  defineDistribution,
  type Kernel,
  sha256,
  snapshot,
} from 'cloned/kernel'
import { interleave, latencies, type Row, ratio, us } from './harness.js'
import { auditOf, chainOnly, guards, hmac, INPUT, noop, noopPlugin } from './parts.js'

const CALL = { tool: noop.id, input: INPUT, actor: 'agent:bench' }

export async function gateBench(): Promise<Row[]> {
  const rows: Row[] = []
  const kernels = new Map<string, Kernel>()
  for (const count of [1, 5, 50]) kernels.set(`${count} guard(s)`, await withGuards(count))
  const root = mkdtempSync(join(tmpdir(), 'cloned-bench-'))
  kernels.set('default set', await withDefaults(root))
  const inline = makeInline()
  const contenders = [...kernels].map(([name, kernel]) => ({
    name,
    run: async (n: number) => {
      for (let i = 0; i < n; i++) {
        const outcome = await kernel.call(CALL)
        if (outcome.status !== 'done') throw new Error(JSON.stringify(outcome))
      }
    },
  }))
  const medians = await interleave([{ name: 'inline', run: inline }, ...contenders], 2000)
  const base = medians.get('inline') ?? Number.NaN
  for (const [name, kernel] of kernels) {
    const { p50, p99 } = await latencies(() => kernel.call(CALL), 5000)
    const measured = `${us(medians.get(name) ?? Number.NaN)} vs ${us(base)} inline; p50 ${us(p50)}, p99 ${us(p99)}`
    rows.push(ratio(`gate, ${name}, in memory`, (medians.get(name) ?? Number.NaN) / base, { atMost: 3 }, measured))
  }
  for (const kernel of kernels.values()) await kernel.stop()
  rmSync(root, { recursive: true, force: true })
  return rows
}

/** 0 guards: nobody allows, so the call is denied; measured for what it is. */
export async function noGuards(): Promise<Row> {
  const kernel = await withGuards(0)
  const { p50, p99 } = await latencies(() => kernel.call(CALL), 5000)
  await kernel.stop()
  return { what: 'gate, 0 guards (denied), in memory', measured: `p50 ${us(p50)}, p99 ${us(p99)}` }
}

async function withGuards(count: number): Promise<Kernel> {
  const plugins = [auditOf(chainOnly()), noopPlugin, ...guards(count)]
  const mayAllow = count > 0 ? ['bench.guard0'] : []
  const kernel = createKernel(defineDistribution({ name: 'bench', version: '1.0.0', plugins, mayAllow }))
  await kernel.start()
  return kernel
}

/** Every built-in plugin; the audit log in memory, and no budget that would count calls in the store. */
async function withDefaults(root: string): Promise<Kernel> {
  initWorkspace(root, { type: 'personal', now: Date.now })
  const kernel = createKernel(
    defineDistribution({
      name: 'bench',
      version: '1.0.0',
      plugins: [...builtIns, auditOf(chainOnly()), noopPlugin],
      replace: { 'cloned.audit': 'bench.audit' },
      omit: ['cloned.budgets'],
    }),
    { config: { 'cloned.workspace': { root } } },
  )
  await kernel.start()
  return kernel
}

/**
 * The work that no gate could leave out: copy, validate, canonical bytes, digest, two chained records with tokens of
 * input, action and output, output check.
 */
function makeInline(): (n: number) => Promise<void> {
  const input = compileSchema(noop.input)
  const output = compileSchema(noop.output)
  let prev = '0'.repeat(64)
  let seq = 0
  const append = (record: object) => {
    const line = `{"v":1,"seq":${++seq},"prev":"${prev}",${JSON.stringify(record).slice(1)}\n`
    prev = sha256(line)
  }
  const actor = { id: 'agent:bench', claimed: false, os_user: 'bench' }
  return async (n) => {
    for (let i = 0; i < n; i++) {
      const copy = snapshot(INPUT)
      if (input(copy).length > 0) throw new Error('input')
      const text = canonical(copy)
      const digest = hmac(sha256(`tool.call ${noop.id}\n${text}`))
      const call_id = crypto.randomUUID()
      const common = {
        ts: new Date().toISOString(),
        call_id,
        instance: 'bench',
        kind: 'tool.call',
        target: noop.id,
        actor,
        digest,
      }
      const ballot = [{ plugin: 'bench.guard0', hook: 'beforeToolCall', effect: 'allow', rule: 'bench' }]
      append({ type: 'tool.intent', ...common, args: hmac(text), ballot })
      await undefined
      const result = snapshot(await noop.handler({}, {} as never))
      if (output(result).length > 0) throw new Error('output')
      append({ type: 'tool.outcome', ...common, status: 'done', result: hmac(canonical(result)), dur_ms: 0 })
      await undefined
    }
  }
}
