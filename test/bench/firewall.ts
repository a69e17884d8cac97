// Measures the firewall: decisions by table size, vetting against the platform's block list, requests against the bare client.
import { fork } from 'node:child_process'
import { createServer } from 'node:http'
import { type AddressInfo, BlockList, isIPv6 } from 'node:net'
import { fileURLToPath } from 'node:url'
import { Agent } from 'undici'
import { classify, parseAddress } from '../../plugins/firewall/address.js'
import { compileEgress, type Decide } from '../../plugins/firewall/decide.js'
import { IPV4_RANGES, IPV6_RANGES } from '../../plugins/firewall/ranges.js'
import { SafeFetch } from '../../plugins/firewall/safe-fetch.js'
import { parseTarget, type Target } from '../../plugins/firewall/target.js'
import { flight, interleave, type Row, ratio } from './harness.js'

const CALLER = { tool: 'bench.tool@v1' }
const SERVE = 'CLONED_BENCH_SERVE'

if (process.argv[2] === SERVE) {
  const server = createServer((_, response) => response.end('{"ok":true}'))
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
}

export async function firewallBench(): Promise<Row[]> {
  return [...(await decisions()), ...(await addresses()), ...(await requests())]
}

function rules(count: number): Decide {
  const allow = Array.from({ length: count }, (_, i) => ({
    host: `${i % 3 ? '' : '*.'}h${i}.example${i % 97}.com`,
    at: 'bench',
  }))
  return compileEgress({ global: { deny: [], allow }, connectors: {}, tools: {} })
}

/** Hosts that rules name, spread over the table; as flat strings, like those that a URL parser makes. */
function targets(size: number, count: number): Target[] {
  return Array.from({ length: count }, (_, k) => {
    const i = (k * 7919) % size
    const target = parseTarget(`https://${i % 3 ? '' : 'w.'}h${i}.example${i % 97}.com/`)
    if ('refused' in target) throw new Error(target.reason)
    return target
  })
}

async function decisions(): Promise<Row[]> {
  const sizes = [1_000, 10_000, 1_000_000] as const
  const tables = new Map(sizes.map((size) => [size, rules(size)]))
  const perRule = bytesPerRule()
  const runs = sizes.flatMap((size) => {
    const decide = tables.get(size)
    if (!decide) return []
    const few = targets(size, 64)
    // An odd number of origins and two methods in turn: no question is the last one that its origin was asked.
    const many = targets(size, Math.min(size, 4_096) - 1)
    const run = (list: Target[], methods: readonly string[]) => (n: number) => {
      let allowed = 0
      for (let i = 0, at = 0; i < n; i++) {
        const target = list[at]
        if (target && decide(CALLER, methods[i & 1] ?? 'GET', target).allowed) allowed++
        if (++at === list.length) at = 0
      }
      if (allowed !== n) throw new Error(`${n - allowed} were denied`)
    }
    return [
      { name: `cached ${size}`, run: run(few, []) },
      { name: `uncached ${size}`, run: run(many, ['GET', 'HEAD']) },
    ]
  })
  const medians = await interleave(runs, 200_000)
  const ns = (name: string) => Math.round((medians.get(name) ?? Number.NaN) * 1000)
  const row = (what: string, value: number, atMost: number): Row => ({
    what,
    measured: `${value} ns`,
    figure: value,
    target: `≤ ${atMost} ns`,
    met: value <= atMost,
  })
  return [
    row('decide, cached, 10k rules', ns('cached 10000'), 100),
    row('decide, uncached, 10k rules', ns('uncached 10000'), 400),
    ratio(
      'decide, uncached, 1M rules vs 1k',
      ns('uncached 1000000') / ns('uncached 1000'),
      { atMost: 5 },
      `${ns('uncached 1000000')} ns`,
    ),
    {
      what: 'decision tables, memory',
      measured: `${perRule} B a rule`,
      figure: perRule,
      target: '≤ 100 B',
      met: perRule <= 100,
    },
  ]
}

/** What a table costs beyond the rules themselves, which the policy holds anyway. */
function bytesPerRule(): number {
  const count = 200_000
  const flat = (text: string) => Buffer.from(text).toString('latin1')
  const allow = Array.from({ length: count }, (_, i) => ({ host: flat(`m${i}.example${i % 97}.com`), at: 'bench' }))
  const before = memory()
  const decide = compileEgress({ global: { deny: [], allow }, connectors: {}, tools: {} })
  const used = memory() - before
  decide(CALLER, 'GET', targets(1, 1)[0] as Target)
  return Math.round(used / count)
}

function memory(): number {
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

async function addresses(): Promise<Row[]> {
  const list = new BlockList()
  for (const [cidr] of [...IPV4_RANGES, ...IPV6_RANGES.filter(([text]) => !/^(::|2000::)\//.test(text))]) {
    const [base = '', bits] = cidr.split('/')
    list.addSubnet(base, Number(bits), isIPv6(base) ? 'ipv6' : 'ipv4')
  }
  const v4 = Array.from({ length: 256 }, (_, i) => `${(i * 37) % 224}.${i}.${(i * 11) % 256}.7`)
  const v6 = Array.from({ length: 256 }, (_, i) => `2606:4700:${i.toString(16)}::${(i * 13).toString(16)}`)
  const ours = (texts: string[]) => (n: number) => {
    let seen = 0
    for (let i = 0; i < n; i++) if (classify(parseAddress(texts[i & 255] ?? '') ?? []) === 'public') seen++
    if (seen < 0) throw new Error('unreachable')
  }
  const theirs = (texts: string[], family: 'ipv4' | 'ipv6') => (n: number) => {
    let seen = 0
    for (let i = 0; i < n; i++) if (!list.check(texts[i & 255] ?? '', family)) seen++
    if (seen < 0) throw new Error('unreachable')
  }
  const medians = await interleave(
    [
      { name: 'ours 4', run: ours(v4) },
      { name: 'theirs 4', run: theirs(v4, 'ipv4') },
      { name: 'ours 6', run: ours(v6) },
      { name: 'theirs 6', run: theirs(v6, 'ipv6') },
    ],
    20_000,
  )
  const at = (name: string) => medians.get(name) ?? Number.NaN
  const row = (family: string) =>
    ratio(
      `address check, IPv${family}, BlockList vs ours`,
      at(`theirs ${family}`) / at(`ours ${family}`),
      { atLeast: 20 },
      `${Math.round(at(`ours ${family}`) * 1000)} ns vs ${Math.round(at(`theirs ${family}`) * 1000)} ns`,
    )
  return [row('4'), row('6')]
}

async function requests(): Promise<Row[]> {
  const child = fork(fileURLToPath(import.meta.url), [SERVE], { execArgv: [] })
  const port = await new Promise<number>((resolve) => child.once('message', (message) => resolve(Number(message))))
  const origin = `http://127.0.0.1:${port}`
  // What is sent is the same for both.
  const headers = { 'user-agent': 'cloned', accept: '*/*', 'accept-encoding': 'gzip, br' }
  const decide = compileEgress({
    global: { deny: [], allow: [{ host: '127.0.0.1', schemes: ['http'], ports: [port], at: 'bench' }] },
    connectors: {},
    tools: {},
  })
  const rulesInForce = { epoch: 1, decide }
  const safe = new SafeFetch({
    rules: () => rulesInForce,
    resolve: () => Promise.reject(new Error('no names here')),
    own: () => new Set(),
    now: () => performance.now(),
    log: { warn: (message) => console.error(message) },
  })
  const agent = new Agent({ connections: 64, pipelining: 1 })
  const cpu = new Map<string, { us: number; n: number }>()
  const measured = (name: string, once: () => Promise<unknown>) => ({
    name,
    run: async (n: number) => {
      const start = process.cpuUsage()
      await flight(n, 16, once)
      const { user, system } = process.cpuUsage(start)
      const so = cpu.get(name) ?? { us: 0, n: 0 }
      cpu.set(name, { us: so.us + user + system, n: so.n + n })
    },
  })
  const bare = measured('bare', async () => {
    const { body } = await agent.request({ origin, path: '/', method: 'GET', headers })
    return await body.text()
  })
  const ours = measured('safe', async () => (await safe.fetch(CALLER, `${origin}/`, {}, () => undefined)).text())
  try {
    const medians = await interleave([bare, ours], 1_500, 13)
    const us = (name: string) => (cpu.get(name)?.us ?? Number.NaN) / (cpu.get(name)?.n ?? 1)
    const [b, s] = [medians.get('bare') ?? Number.NaN, medians.get('safe') ?? Number.NaN]
    const more = Math.round((us('safe') - us('bare')) * 10) / 10
    return [
      ratio(
        'SafeFetch vs bare client, requests a second',
        b / s,
        { atLeast: 0.92 },
        `${Math.round(s)} µs vs ${Math.round(b)} µs`,
      ),
      {
        what: 'SafeFetch vs bare client, CPU a request',
        measured: `${Math.round(us('safe'))} µs vs ${Math.round(us('bare'))} µs`,
        figure: more,
        target: '≤ +8 µs',
        met: more <= 8,
      },
    ]
  } finally {
    await safe.close()
    await agent.close()
    child.kill()
  }
}
