// Embeds the smallest distribution: a call that is done, one that is denied, and one that nobody can record.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createKernel, type Distribution, type Kernel, type Outcome } from 'cloned/kernel'
import minimal from './distribution.js'
import { REFUND, type Shop, shopPlugin } from './shop.js'

/** The distribution with one more plugin: who records and who allows stays what it is. */
export function shopDistribution(shop: Shop): Distribution {
  return { ...minimal, plugins: [...minimal.plugins, shopPlugin(shop)] }
}

/** What a run configures. The keys belong where whoever can write to the log cannot read them. */
export function configOf(place: string) {
  const [directory, keys] = [join(place, 'log'), join(place, 'keys')]
  for (const path of [directory, keys]) mkdirSync(path, { recursive: true, mode: 0o700 })
  return { 'acme.audit': { directory, keys }, 'acme.policy': { allow: [REFUND] } }
}

/** Walks through the three calls. */
export async function walk(say: (line: string) => void): Promise<void> {
  const place = mkdtempSync(join(tmpdir(), 'distribution-minimal-'))
  const distribution = shopDistribution({
    limitCents: 5_000,
    refund: async (order, cents) => say(`  (paying ${cents} cents back for ${order})`),
  })
  const show = async (what: string, kernel: Kernel, cents: number) => {
    const input = { order: 'A-1001', cents }
    say(`${what}: ${worded(await kernel.call({ tool: REFUND, input, actor: 'agent:support' }))}`)
  }
  try {
    const config = configOf(place)
    const kernel = createKernel(distribution, { config })
    await kernel.start()
    await show('a small refund', kernel, 1_999)
    await show('a large refund', kernel, 90_000)
    await kernel.stop()
    // The same without its audit plugin: it boots, so that people can look, and runs nothing.
    const { 'acme.audit': _, ...rest } = config
    const blind = createKernel({ ...distribution, omit: ['acme.audit'] }, { config: rest })
    await blind.start()
    await show('a small refund, unrecorded', blind, 1_999)
    await blind.stop()
  } finally {
    rmSync(place, { recursive: true })
  }
}

function worded(outcome: Outcome): string {
  return 'reason' in outcome ? `${outcome.status} (${outcome.reason}) -> ${outcome.help ?? ''}` : outcome.status
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await walk(console.log)
