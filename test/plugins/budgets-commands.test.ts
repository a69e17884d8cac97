// The rules for budgets in a real kernel: refused calls do not run, looking costs nothing, and what is shown is what counts.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { definePlugin, defineTool, fail, toolsCollection } from 'cloned/kernel'
import { budgetsPlugin } from 'cloned/plugins/budgets'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bar } from '../../plugins/budgets/command.js'
import { durationOf } from '../../plugins/budgets/duration.js'
import { type CliWorld, cliWorld } from './cli-fixture.js'

const ran: unknown[] = []
const spend = defineTool<{ fail?: boolean }>({
  id: 'test.money.spend@v1',
  title: 'Spend',
  description: 'Costs a quarter',
  input: { type: 'object', additionalProperties: false, properties: { fail: { type: 'boolean' } } },
  output: {},
  risk: 'low',
  capability: 'test',
  cost: { usd: 0.25 },
  handler: (input) => {
    if (input.fail) throw fail('refused before anything happened')
    ran.push(input)
    return null
  },
})
const tools = definePlugin({
  id: 'test.tools',
  version: '1.0.0',
  kernel: '^0.1.0',
  contributes: { tools: toolsCollection },
  setup: () => ({ tools: [spend] }),
})

let world: CliWorld
beforeEach(async () => {
  ran.length = 0
  world = await cliWorld(tools, budgetsPlugin)
})
afterEach(() => world.close())

const SPEND = ['call', 'test.money.spend@v1', '--input']

async function adopt(budgets: string): Promise<void> {
  await mkdir(join(world.root, '.cloned/policy'), { recursive: true })
  const overlay = `version: 1\npack: personal\nbudgets:\n${budgets}`
  await writeFile(join(world.root, '.cloned/policy/personal.yaml'), overlay)
  const { out } = await world.run(['policy', 'adopt', '--json'])
  const { approval } = JSON.parse(out) as { approval: { id: string } }
  expect((await world.run(['approvals', 'approve', approval.id])).code).toBe(0)
}

async function usage(): Promise<{ category: string; used: number; limit: number }[]> {
  const { code, out } = await world.run(['budgets', '--json'])
  expect(code).toBe(0)
  return (JSON.parse(out) as { budgets: { category: string; used: number; limit: number }[] }).budgets
}

// Longer than the time since 1970: no test can cross the end of a window.
const HALF_A_DOLLAR = '  - { category: usd, limit: 0.5, window: 40000d }\n'

describe('a budget', () => {
  it('refuses the call that does not fit, which does not run', async () => {
    await adopt(HALF_A_DOLLAR)
    const codes: number[] = []
    for (let i = 0; i < 3; i++) codes.push((await world.run([...SPEND, '{}'])).code)
    expect(codes).toEqual([0, 0, 3])
    expect(ran).toHaveLength(2)
    const refused = await world.run([...SPEND, '{}', '--json'])
    expect(JSON.parse(refused.out)).toMatchObject({
      status: 'denied',
      reason: expect.stringContaining('0.5 of 0.5'),
      help: expect.stringContaining('cloned policy adopt'),
    })
    expect(await usage()).toContainEqual(expect.objectContaining({ category: 'usd', used: 0.5, limit: 0.5 }))
  })

  it('is not used by a dry run, nor by a call that had no effect', async () => {
    await adopt(HALF_A_DOLLAR)
    expect((await world.run([...SPEND, '{}', '--dry-run'])).code).toBe(0)
    expect((await world.run([...SPEND, '{"fail":true}'])).code).toBe(1)
    expect((await usage()).filter(({ used }) => used > 0)).toEqual([])
  })

  it('is told in a dry run when it would refuse', async () => {
    await adopt('  - { category: usd, limit: 0.1, window: 40000d }\n')
    const { out } = await world.run([...SPEND, '{}', '--dry-run', '--json'])
    expect(JSON.parse(out)).toMatchObject({
      status: 'dry-run',
      verdict: 'deny',
      reason: expect.stringContaining('usd'),
    })
  })
})

describe('cloned budgets', () => {
  it('shows each budget of the policy with what is used', async () => {
    await adopt(HALF_A_DOLLAR)
    await world.run([...SPEND, '{}'])
    const { out } = await world.run(['budgets'])
    const line = out.split('\n').find((row) => row.startsWith('usd'))
    expect(line).toContain('██████████░░░░░░░░░░')
    expect(line).toContain('0.25 of 0.5')
  })

  it.each([
    [0, 10, 0],
    [0.001, 10, 1],
    [5, 10, 10],
    [9.999, 10, 19],
    [10, 10, 20],
    [12, 10, 20],
    [0, 0, 20],
  ])('draws %s of %s as %s of 20 marks: no use is hidden, only a full budget looks full', (used, limit, marks) => {
    expect(bar({ used, limit })).toBe('█'.repeat(marks) + '░'.repeat(20 - marks))
  })

  it.each([
    [1, '1 ms'],
    [1500, '1500 ms'],
    [60_000, '1 min'],
    [90 * 60_000, '90 min'],
    [86_400_000, '24 h'],
    [7 * 86_400_000, '7 d'],
  ])('words %s ms as %s', (ms, text) => expect(durationOf(ms)).toBe(text))
})
