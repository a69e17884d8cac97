// Runs the smallest embedding: a call that is done, one that is denied, and one that nobody can record.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createKernel, type Outcome } from 'cloned/kernel'
import { auditKeys, openAuditLog } from 'cloned/plugins/audit'
import { openKeys } from 'cloned/plugins/keys'
import { type Shop, shopDistribution } from './distribution.js'

const directory = mkdtempSync(join(tmpdir(), 'distribution-minimal-'))
// The keys of the log belong where whoever can write to the log cannot read them; here everything is thrown away.
const keys = openKeys({ home: directory, workspace: 'shop', marker: join(directory, 'keys.json'), now: Date.now })
const shop: Shop = {
  log: openAuditLog({ dir: directory, keys: auditKeys(keys, 'shop') }),
  limitCents: 5_000,
  refund: async (order, cents) => console.log(`  (paying ${cents} cents back for ${order})`),
}

const kernel = createKernel(shopDistribution(shop))
await kernel.start()
const refund = (cents: number) => ({
  tool: 'shop.orders.refund@v1',
  input: { order: 'A-1001', cents },
  actor: 'agent:support',
})
show('a small refund', await kernel.call(refund(1_999)))
show('a large refund', await kernel.call(refund(90_000)))
await kernel.stop()

const { ok, entries } = await shop.log.verify()
console.log(`audit log: ${entries} records, ${ok ? 'unbroken' : 'BROKEN'}`)

// The same without its audit plugin: it boots, so that people can look, and runs nothing.
const blind = createKernel({ ...shopDistribution(shop), omit: ['shop.audit'] })
await blind.start()
show('a small refund, unrecorded', await blind.call(refund(1_999)))
await blind.stop()

rmSync(directory, { recursive: true })

function show(what: string, outcome: Outcome): void {
  const why = 'reason' in outcome ? ` (${outcome.reason}) -> ${outcome.help ?? ''}` : ''
  console.log(`${what}: ${outcome.status}${why}`)
}
