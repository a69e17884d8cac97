// Durable appends against the disk's own limit, raw writes of the same bytes, and against what one thread can chain.
import { scrypt } from 'node:crypto'
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AuditRecord, sha256 } from 'cloned/kernel'
import { type FileAuditLog, openAuditLog } from 'cloned/plugins/audit'
import { openKeys } from 'cloned/plugins/keys'
import { flight, latencies, quantile, type Row, ratio, us } from './harness.js'

const ROUNDS = 9

const record = (n: number): AuditRecord => ({
  type: 'tool.intent',
  ts: new Date().toISOString(),
  call_id: `01HZXW${n}`,
  instance: '3f1c9a52-7a0e-4a5e-9f1e-0d6c1c5b8f11',
  kind: 'tool.call',
  target: 'cloned.fs.read@v1',
  contract: '0'.repeat(64),
  risk: 'low',
  actor: { id: 'agent:bench', claimed: false, os_user: 'bench' },
  digest: `hmac-sha256:0123456789abcdef:${'0'.repeat(64)}`,
  args: `hmac-sha256:0123456789abcdef:${'1'.repeat(64)}`,
  ballot: [{ plugin: 'cloned.policy', hook: 'beforeToolCall', effect: 'allow', rule: 'personal/low' }],
})

export async function appendBench(): Promise<Row[]> {
  const dir = mkdtempSync(join(tmpdir(), 'cloned-bench-'))
  const keys = openKeys({ home: join(dir, 'home'), workspace: 'bench', marker: join(dir, 'keys.json'), now: Date.now })
  const load = async () => ({ signer: await keys.signer('audit'), mac: await keys.mac('audit') })
  const log = openAuditLog({ dir, keys: { workspace: 'bench', load }, reserve: true })
  const raw = openSync(join(dir, 'raw.log'), 'a')
  const rows: Row[] = []
  for (const producers of [1, 32, 128]) rows.push(await throughput(log, raw, producers))
  rows.push(await latency(log, raw), await starved(log))
  await log.close()
  closeSync(raw)
  rmSync(dir, { recursive: true, force: true })
  return rows
}

async function throughput(log: FileAuditLog, raw: number, producers: number): Promise<Row> {
  const count = producers === 1 ? 300 : producers * 60
  const samples = { ours: [] as number[], raw: [] as number[], chain: [] as number[] }
  await flight(count, producers, (n) => log.append(record(n)))
  for (let round = 0; round < ROUNDS; round++) {
    samples.raw.push(rawRate(raw, count, producers))
    samples.chain.push(chainRate(count))
    const start = performance.now()
    await flight(count, producers, (n) => log.append(record(n)))
    samples.ours.push(rate(count, start))
  }
  const [ours, disk, chain] = [samples.ours, samples.raw, samples.chain].map((values) => quantile(values, 0.5))
  const limit = producers > 32 ? Math.min(disk ?? 0, chain ?? 0) : (disk ?? 0)
  const measured = `${Math.round(ours ?? 0)}/s vs ${Math.round(disk ?? 0)}/s raw, ${Math.round(chain ?? 0)}/s chained in memory`
  const target = { atLeast: producers === 1 ? 0.65 : 0.5 }
  return ratio(`durable append, ${producers} producer(s)`, (ours ?? 0) / limit, target, measured)
}

/** Writes and syncs batches of one record for each producer. */
function rawRate(fd: number, count: number, producers: number): number {
  const batch = Buffer.from(`${JSON.stringify(record(0))}${' '.repeat(80)}\n`.repeat(producers))
  const start = performance.now()
  for (let done = 0; done < count; done += producers) {
    writeSync(fd, batch)
    fdatasyncSync(fd)
  }
  return rate(count, start)
}

function chainRate(count: number): number {
  let prev = '0'.repeat(64)
  const start = performance.now()
  for (let n = 0; n < count; n++)
    prev = sha256(`{"v":1,"seq":${n},"prev":"${prev}",${JSON.stringify(record(n)).slice(1)}\n`)
  return rate(count, start)
}

function rate(count: number, start: number): number {
  return count / ((performance.now() - start) / 1000)
}

async function latency(log: FileAuditLog, raw: number): Promise<Row> {
  const line = Buffer.from(`${JSON.stringify(record(0))}${' '.repeat(80)}\n`)
  const ours: number[] = []
  const theirs: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    ours.push((await latencies(() => log.append(record(round)), 100)).p50)
    const rawWrite = async () => {
      writeSync(raw, line)
      fdatasyncSync(raw)
    }
    theirs.push((await latencies(rawWrite, 100)).p50)
  }
  const [a, b] = [quantile(ours, 0.5), quantile(theirs, 0.5)]
  return ratio('durable append, 1 producer, p50', a / b, { atMost: 1.6 }, `${us(a)} vs ${us(b)} raw`)
}

/** Appends while four jobs hold every thread of Node's pool. */
async function starved(log: FileAuditLog): Promise<Row> {
  const idle = (await latencies(() => log.append(record(0)), 100)).p50
  let running = true
  const job = async () => {
    while (running) await new Promise((resolve) => scrypt('x', 'y', 64, { N: 32_768, maxmem: 2 ** 27 }, resolve))
  }
  const jobs = Array.from({ length: 4 }, job)
  const busy = (await latencies(() => log.append(record(0)), 60)).p50
  running = false
  await Promise.all(jobs)
  return ratio(
    'durable append beside 4 scrypt jobs, p50',
    busy / idle,
    { atMost: 20 },
    `${us(busy)} vs ${us(idle)} idle`,
  )
}
