import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defaultDistribution, initWorkspace } from 'cloned'
import {
  allow,
  approvalsSlot,
  beforeToolCall,
  createKernel,
  type Distribution,
  definePlugin,
  defineTool,
  type Json,
  type Kernel,
  toolsCollection,
  use,
} from 'cloned/kernel'
import { pluginContract } from 'cloned/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { writeGuard } from './index.js'
import { protectedPart } from './names.js'

const WRITE = 'cloned.internal.fs.write@v1'
const NOON = Date.UTC(2026, 0, 7, 12)
const NIGHT = Date.UTC(2026, 0, 7, 23)
const SUNDAY = Date.UTC(2026, 0, 11, 12)
const quiet = () => ({ debug() {}, info() {}, warn() {}, error() {} })

let root: string
let now: number
let kernel: Kernel | undefined

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'plugin-guard-'))
  now = NOON
})
afterEach(async () => {
  await kernel?.stop()
  kernel = undefined
  rmSync(root, { recursive: true, force: true })
})

async function start(distribution: Distribution, type: 'personal' | 'enterprise' = 'personal'): Promise<Kernel> {
  initWorkspace(root, { type, now: () => now })
  const config: Record<string, Json> = { 'cloned.workspace': { root }, 'cloned.audit': { thread: 'inline' } }
  kernel = createKernel(distribution, { config, now: () => now, log: quiet })
  await kernel.start()
  return kernel
}

const guarded = defaultDistribution({ plugins: [use(writeGuard, { names: ['.env', 'Straße'] })] })
const write = (path: string) => ({ tool: WRITE, input: { path, content: 'x' }, actor: 'agent:tester' })
const asksOf = (outcome: unknown) =>
  (outcome as { approval: { asks: readonly { plugin: string; key: string }[] } }).approval.asks.map(
    ({ plugin, key }) => `${plugin} ${key}`,
  )

describe('the contract of a plugin', () => {
  const rules = pluginContract(writeGuard, {
    config: { names: ['.env'], office: { from: 9, until: 17 } },
    badConfigs: [
      [{ names: ['a/b'] }, '/names/0'],
      [{ names: '.env' }, '/names'],
      [{ office: { from: 9 } }, '/office/until'],
      [{ office: { from: 9, until: 25 } }, '/office/until'],
    ],
  })
  it.each(rules.map((rule) => [rule.name, rule] as const))('%s', (_, rule) => rule.run())
})

describe('a write by an agent', () => {
  it('in office hours is asked about by the policy alone', async () => {
    const kernel = await start(guarded)
    expect(asksOf(await kernel.call(write('notes.md')))).toEqual(['cloned.policy tool-call'])
  })

  it.each([
    ['at night', NIGHT],
    ['on a Sunday', SUNDAY],
  ])('%s is asked about by the guard too, and runs once both are answered', async (_, at) => {
    const kernel = await start(guarded)
    now = at
    const asked = await kernel.call(write('notes.md'))
    expect(asksOf(asked)).toEqual(['acme.write-guard office-hours', 'cloned.policy tool-call'])
    if (asked.status !== 'pending') throw new Error(asked.status)
    await kernel.service(approvalsSlot).decide(asked.approval.id, { verdict: 'approve', by: kernel.actor() })
    expect(await kernel.call(write('notes.md'))).toMatchObject({ status: 'done' })
    expect(readFileSync(join(root, 'notes.md'), 'utf8')).toBe('x')
  })

  it('that was approved by day is asked about again at night', async () => {
    const kernel = await start(guarded)
    const asked = await kernel.call(write('notes.md'))
    if (asked.status !== 'pending') throw new Error(asked.status)
    await kernel.service(approvalsSlot).decide(asked.approval.id, { verdict: 'approve', by: kernel.actor() })
    now = NIGHT
    expect(asksOf(await kernel.call(write('notes.md')))).toContain('acme.write-guard office-hours')
    expect(existsSync(join(root, 'notes.md'))).toBe(false)
    now = NOON + 60_000
    expect(await kernel.call(write('notes.md'))).toMatchObject({ status: 'done' })
  })

  it('to a protected name is denied, by day and by night, with what to do next', async () => {
    const kernel = await start(guarded)
    for (const at of [NOON, NIGHT]) {
      now = at
      expect(await kernel.call(write('config/.ENV'))).toMatchObject({
        status: 'denied',
        code: 'ACME_NAME_PROTECTED',
        help: expect.stringContaining('acme.write-guard'),
      })
    }
    expect(readdirSync(root)).toEqual(['.cloned'])
  })

  it('by a tool that does not say where is denied', async () => {
    const vague = definePlugin({
      id: 'test.vague',
      version: '1.0.0',
      kernel: '^0.1.0',
      contributes: { tools: toolsCollection },
      setup: () => ({
        tools: [
          defineTool({
            id: 'test.vague.write@v1',
            title: 'Write',
            description: 'Writes somewhere.',
            input: { type: 'object' },
            output: {},
            risk: 'low',
            capability: 'fs.write',
            handler: () => null,
          }),
        ],
      }),
    })
    const kernel = await start(defaultDistribution({ plugins: [writeGuard, vague] }))
    expect(await kernel.call({ tool: 'test.vague.write@v1', input: { to: '.env' } })).toMatchObject({
      code: 'ACME_PATH_UNKNOWN',
    })
    expect(await kernel.call({ tool: 'test.vague.write@v1', input: { path: 'a' } })).toMatchObject({ status: 'done' })
  })

  it('is what the guard looks at: a read passes', async () => {
    const kernel = await start(guarded)
    now = NIGHT
    const list = { tool: 'cloned.internal.fs.list@v1', input: { path: '.' } }
    expect(await kernel.call(list)).toMatchObject({ status: 'done' })
  })
})

describe('an allow of a third party', () => {
  const generous = definePlugin({
    id: 'acme.generous',
    version: '1.0.0',
    kernel: '^0.1.0',
    taps: [beforeToolCall],
    setup: ({ hooks }) => hooks.guard(beforeToolCall, () => allow('everything')),
  })
  const uncounted = expect.arrayContaining([
    expect.objectContaining({ plugin: 'acme.generous', effect: 'allow', counted: false }),
  ])

  it('does not lift what the policy denies', async () => {
    const kernel = await start(defaultDistribution({ plugins: [generous] }), 'enterprise')
    expect(await kernel.call(write('notes.md'))).toMatchObject({ status: 'denied', ballot: uncounted })
  })

  it('does not answer what the policy asks', async () => {
    const kernel = await start(defaultDistribution({ plugins: [generous] }))
    expect(await kernel.call(write('notes.md'))).toMatchObject({ status: 'pending', ballot: uncounted })
  })

  it('alone is a denial: nobody whose allow counts has voted', async () => {
    const { requireGuards: _, plugins, ...rest } = defaultDistribution({ mayAllow: [] })
    const kept = new Set(['cloned.workspace', 'cloned.store', 'cloned.keys', 'cloned.audit', 'cloned.fs'])
    const kernel = await start({
      ...rest,
      plugins: [
        ...plugins.filter((plugin) => kept.has(('plugin' in plugin ? plugin.plugin : plugin).manifest.id)),
        generous,
      ],
    })
    expect(await kernel.call(write('notes.md'))).toMatchObject({ status: 'denied', code: 'NO_ALLOW' })
  })
})

describe('names that file systems confuse', () => {
  it.each([
    '.env',
    './.env',
    'a/.env',
    '.env/',
    '.env/local',
    'a\\.env',
    '.ENV',
    '.env.',
    '.env . .',
    '.env::$DATA',
    '.e\u200cnv',
    '．ｅｎｖ',
    'STRASSE',
    'strasse/x',
    'stra\u00dfe',
    `${'a/'.repeat(3000)}x`,
  ])('%j is protected', (path) => expect(protectedPart(path, ['.env', 'Straße'])).toBeDefined())

  it.each(['', '.', '..', 'a', 'env', '.envrc', 'x.env', '.env.example', 'C:/notes.md', ':', '. .'])(
    '%j is not',
    (path) => expect(protectedPart(path, ['.env'])).toBeUndefined(),
  )
})
