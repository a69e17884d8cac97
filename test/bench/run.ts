// Runs every bench, prints a table and writes bench.json; the figures are for people to compare, nothing is asserted.
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { apiBench } from './api.js'
import { appendBench } from './audit-append.js'
import { auditVerifyBench } from './audit-verify.js'
import { builderBench } from './builder.js'
import { durableBench } from './durable.js'
import { egressProxyBench } from './egress-proxy.js'
import { eventsBench } from './events.js'
import { firewallBench } from './firewall.js'
import { gateBench, noGuards } from './gate.js'
import type { Row } from './harness.js'
import { mcpBench } from './mcp.js'
import { packageBench } from './package.js'
import { policyBench } from './policy.js'
import { bootBench, commandBench, memoryBench } from './process.js'
import { runsBench } from './runs.js'
import { scrubBench } from './scrub.js'
import { skillsBench } from './skills.js'
import { vaultBench } from './vault.js'
import { workerBench } from './worker.js'

const suites: Readonly<Record<string, () => Promise<Row[]>>> = {
  gate: async () => [await noGuards(), ...(await gateBench())],
  api: apiBench,
  append: appendBench,
  durable: durableBench,
  firewall: firewallBench,
  'egress-proxy': egressProxyBench,
  events: eventsBench,
  'audit-verify': auditVerifyBench,
  boot: bootBench,
  builder: builderBench,
  command: commandBench,
  memory: memoryBench,
  policy: policyBench,
  runs: runsBench,
  scrub: scrubBench,
  skills: skillsBench,
  vault: vaultBench,
  package: packageBench,
  worker: workerBench,
  mcp: mcpBench,
}

const wanted = process.argv.slice(2)
const rows: Row[] = []
for (const [name, suite] of Object.entries(suites)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  const found = await suite()
  rows.push(...found)
  for (const { what, measured, figure, target, met } of found) {
    const verdict = target === undefined ? '' : `${figure?.toFixed(2)} (target ${target}${met ? '' : ', MISSED'})`
    console.log(`${what.padEnd(52)} ${verdict.padEnd(34)} ${measured}`)
  }
}
const machine = { node: process.version, cpus: cpus().length, model: cpus()[0]?.model ?? '' }
writeFileSync('bench.json', `${JSON.stringify({ machine, rows }, null, 2)}\n`)
