// Boot, command start, cold first call and idle memory: what a person waits for.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { initWorkspace } from 'cloned'
import { createKernel, defineDistribution, definePlugin, type Plugin, slot } from 'cloned/kernel'
import { interleave, type Row, ratio, us } from './harness.js'

const run = promisify(execFile)
const BIN = fileURLToPath(new URL('../../plugins/bin.js', import.meta.url))

export async function bootBench(): Promise<Row[]> {
  const boot = (count: number) => {
    const plugins = chain(count)
    return async (n: number) => {
      for (let i = 0; i < n; i++) {
        const kernel = createKernel(defineDistribution({ name: 'bench', version: '1.0.0', plugins }))
        await kernel.start()
        await kernel.stop()
      }
    }
  }
  const sizes = [10, 100, 1000]
  const medians = await interleave(
    sizes.map((size) => ({ name: String(size), run: boot(size) })),
    3,
    7,
  )
  const of = (size: number) => medians.get(String(size)) ?? Number.NaN
  return [
    { what: 'boot and stop, 10 plugins', measured: us(of(10)) },
    {
      what: 'boot and stop, 100 plugins',
      measured: us(of(100)),
      target: '≤ 20 ms',
      figure: of(100) / 1000,
      met: of(100) <= 20_000,
    },
    ratio('boot, 1000 plugins against ten times 100', of(1000) / (10 * of(100)), { atMost: 1.5 }, us(of(1000))),
  ]
}

/** Each plugin requires the one before it. */
function chain(count: number): Plugin[] {
  const tokens = Array.from({ length: count }, (_, i) => slot<number>(`bench.slot${i}`, { contract: 1 }))
  return tokens.map((token, i) => {
    const before = tokens[i - 1]
    return definePlugin({
      id: `bench.plugin${i}`,
      version: '1.0.0',
      kernel: '^0.1.0',
      ...(before ? { requires: { before } } : {}),
      provides: { token },
      setup: ({ onStart, onStop }) => {
        onStart(() => {})
        onStop(() => {})
        return { token: i + 1 }
      },
    })
  })
}

export async function commandBench(): Promise<Row[]> {
  const root = mkdtempSync(join(tmpdir(), 'cloned-bench-'))
  initWorkspace(root, { type: 'personal', now: Date.now })
  const node =
    (...args: string[]) =>
    async (n: number) => {
      for (let i = 0; i < n; i++) await run(process.execPath, args, { cwd: root })
    }
  const call = ['call', 'cloned.internal.fs.list@v1', '--input', '{"path":"."}', '--json']
  const medians = await interleave(
    [
      { name: 'node', run: node('-e', '0') },
      { name: 'version', run: node(BIN, '--version') },
      { name: 'help', run: node(BIN, '--help') },
      { name: 'call', run: node(BIN, ...call) },
    ],
    2,
    9,
  )
  rmSync(root, { recursive: true, force: true })
  const of = (name: string) => medians.get(name) ?? Number.NaN
  return [
    ratio(
      'cloned --version against node -e 0',
      of('version') / of('node'),
      { atMost: 1.5 },
      `${us(of('version'))} vs ${us(of('node'))}`,
    ),
    { what: 'cloned --help', measured: us(of('help')) },
    {
      what: 'first governed call of a cold process (CLI)',
      measured: us(of('call')),
      figure: of('call') / 1e6,
      target: '≤ 0.6 s',
      met: of('call') <= 600_000,
    },
  ]
}

export async function memoryBench(): Promise<Row[]> {
  const script = (code: string) => [
    '--expose-gc',
    '--input-type=module',
    '-e',
    `${code}; gc(); console.log(process.memoryUsage().rss)`,
  ]
  const rss = async (code: string) =>
    Number(
      (await run(process.execPath, script(code), { cwd: fileURLToPath(new URL('../../..', import.meta.url)) })).stdout,
    ) / 1e6
  const bare = await rss('')
  const kernel = await rss(
    "const { createKernel } = await import('cloned/kernel'); const k = createKernel({ name: 'x', version: '1.0.0', plugins: [] }); await k.start()",
  )
  return [
    {
      what: 'memory of an idle kernel over bare node',
      measured: `+${(kernel - bare).toFixed(1)} MB (${kernel.toFixed(0)} MB vs ${bare.toFixed(0)} MB)`,
      figure: kernel / bare,
    },
  ]
}
