import { auditSlot, definePlugin } from 'cloned/kernel'
import { commandsCollection } from 'cloned/plugins/cli'
import { beforeAll, describe, expect, it } from 'vitest'
import { distributionWith, runIn } from './cli-fixture.js'

/** Wraps the audit log and adds a command; it says that it is on its way out. */
const wrapper = definePlugin({
  id: 'acme.copying',
  version: '2.0.0',
  kernel: '^0.1.0',
  stability: 'deprecated',
  description: 'Use the second sink\u001b[2J.',
  wraps: { audit: auditSlot },
  contributes: { commands: commandsCollection },
  setup: ({ inner }) => ({ audit: inner.audit, commands: [] }),
})
const distribution = { ...distributionWith(wrapper), wrap: { [auditSlot.id]: ['acme.copying'] } }
const run = (...argv: readonly string[]) => runIn(distribution, '/', argv)

describe('plugins list', () => {
  let listed: { plugins: Record<string, unknown>[]; warnings: unknown[] }
  beforeAll(async () => {
    listed = JSON.parse((await run('plugins', 'list', '--json')).out)
  })

  it('says of a plugin what it is and everything that it touches, with contracts', () => {
    expect(listed.plugins.find(({ id }) => id === 'acme.copying')).toEqual({
      id: 'acme.copying',
      version: '2.0.0',
      stability: 'deprecated',
      description: 'Use the second sink\u001b[2J.',
      requires: [],
      provides: [],
      wraps: ['cloned.audit'],
      contributes: ['cloned.commands'],
      owns: [],
      taps: [],
      fires: [],
      executes: [],
      tool_prefixes: [],
      contracts: { 'cloned.audit': 1, 'cloned.commands': 1 },
      built_in: false,
    })
  })

  it('tells built-in plugins from added ones', () => {
    const added = listed.plugins.filter((plugin) => plugin['built_in'] === false)
    expect(added.map(({ id }) => id)).toEqual(['acme.copying'])
  })

  it('shows what will not work for ever, and nothing that steers a terminal', async () => {
    expect(listed.warnings).toMatchObject([{ code: 'PLUGIN_DEPRECATED' }])
    const { out } = await run('plugins', 'list')
    expect(out).toContain('"acme.copying" 2.0.0 is deprecated')
    expect(out).not.toContain('\u001b[2J')
  })
})

describe('plugins graph', () => {
  it('says who owns, wraps and uses a slot, who adds to a list and who stands on a hook', async () => {
    const graph = JSON.parse((await run('plugins', 'graph', '--json')).out)
    const of = (part: string, id: string) => graph[part].find((node: { id: string }) => node.id === id)
    expect(of('slots', 'cloned.audit')).toMatchObject({
      contract: 1,
      owner: 'cloned.audit',
      wrapped_by: ['acme.copying'],
      plugins: expect.arrayContaining(['cloned.policy']),
    })
    expect(of('collections', 'cloned.commands')).toMatchObject({
      owner: 'cloned.cli',
      plugins: expect.arrayContaining(['acme.copying', 'cloned.doctor']),
    })
    expect(of('hooks', 'beforeToolCall')).toMatchObject({ plugins: ['cloned.policy', 'cloned.fs'], required: [] })
  })

  it('has the same as text', async () => {
    const { out } = await run('plugins', 'graph')
    expect(out).toMatch(/cloned\.audit\s+1\s+cloned\.audit\s+acme\.copying/)
  })
})
