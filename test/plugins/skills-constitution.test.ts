// Attacks on constitutions: everything here is called through the gate of a real kernel, with the real log and store.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  allow,
  beforeEgress,
  beforeToolCall,
  createKernel,
  defineDistribution,
  definePlugin,
  defineTool,
  type HandlerContext,
  type Json,
  type JsonObject,
  type Kernel,
  toolsCollection,
} from 'cloned/kernel'
import { auditPlugin } from 'cloned/plugins/audit'
import { keysPlugin } from 'cloned/plugins/keys'
import { type Constitution, type HeldStep, type Skills, skillsPlugin, skillsSlot } from 'cloned/plugins/skills'
import { storePlugin } from 'cloned/plugins/store'
import { initWorkspace, workspacePlugin } from 'cloned/plugins/workspace'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

const ids = [
  'test.echo.run@v1',
  'test.nest.run@v1',
  'test.file.read@v1',
  'test.paid.run@v1',
  'connector.acme.web.get@v1',
]
const [ECHO, NEST, READ, PAID, WEB] = ids as [string, string, string, string, string]
const CAPABILITIES: Record<string, string> = { [READ]: 'fs.read', [WEB]: 'net.fetch' }

let directory: string
let root: string
let now = 1_900_000_000_000
let run = ''
let runs = 0
let kernel: Kernel
let skills: Skills
let ran: string[]
let inside: (ctx: HandlerContext, input: JsonObject) => Promise<Json> | Json

const tools = ids.map((id) =>
  defineTool<JsonObject, Json>({
    id,
    title: id,
    description: id,
    input: { type: 'object' },
    output: {},
    risk: 'low',
    capability: CAPABILITIES[id] ?? 'test.run',
    cost: id === PAID ? { eur: 0.3 } : {},
    handler: async (input, ctx) => {
      ran.push(id)
      return id === NEST || id === WEB ? await inside(ctx, input) : {}
    },
  }),
)

const open = definePlugin({
  id: 'test.open',
  version: '1.0.0',
  kernel: '^0.1.0',
  contributes: { tools: toolsCollection },
  taps: [beforeToolCall, beforeEgress],
  setup({ hooks }) {
    hooks.guard(beforeToolCall, () => allow())
    hooks.guard(beforeEgress, () => allow())
    return { tools }
  },
})

async function start(): Promise<void> {
  kernel = createKernel(
    defineDistribution({
      name: 'test',
      version: '1.0.0',
      plugins: [workspacePlugin, keysPlugin, storePlugin, auditPlugin, skillsPlugin, open],
      mayAllow: ['test.open'],
    }),
    {
      config: {
        'cloned.workspace': { root },
        'cloned.keys': { home: join(directory, 'config') },
        'cloned.audit': { thread: 'inline' },
      },
      now: () => now,
      log: () => ({ debug() {}, info() {}, warn() {}, error() {} }),
    },
  )
  await kernel.start()
  skills = kernel.service(skillsSlot)
}

// One kernel for all: every test is another run.
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'cloned-constitution-'))
  root = initWorkspace(join(directory, 'ws'), { type: 'personal', now: Date.now }).root
  mkdirSync(join(root, 'docs'))
  mkdirSync(join(root, 'secret'))
  writeFileSync(join(root, 'secret/key'), 'k')
  symlinkSync('../secret', join(root, 'docs/link'))
  symlinkSync('../secret/none', join(root, 'docs/dangling'))
  await start()
})
beforeEach(() => {
  run = `run_${++runs}`
  ran = []
  inside = () => ({})
})
afterAll(async () => {
  await kernel.stop()
  rmSync(directory, { recursive: true, force: true })
})

function step(constitutions: readonly Partial<Constitution>[]): HeldStep {
  const held = constitutions.map((each, i) => ({
    constitution: { of: `level ${i}`, ...each },
    at: '',
    since: now,
  }))
  return { run, pipeline: 'acme.report', step: 'one', constitutions: held }
}

async function call(tool: string, input: JsonObject, { as = run, key = run } = {}) {
  const outcome = await kernel.call(
    { tool, input, actor: { id: `run:${as}`, claimed: false } },
    { idempotencyKey: key },
  )
  return outcome.status === 'done' ? 'done' : 'code' in outcome ? outcome.code : outcome.status
}

/** Holds a step, makes one call in it, and answers how the call ended and what the step was denied. */
async function held(constitutions: readonly Partial<Constitution>[], tool: string, input: JsonObject = {}) {
  const { release } = skills.hold(run, step(constitutions))
  const end = await call(tool, input)
  return { end, denied: release().map(({ code, message }) => `${code} ${message}`) }
}

describe('a call of a run', () => {
  it('is denied without a step in hand, under the key of another run, and under no key', async () => {
    expect(await call(ECHO, {})).toBe('CONSTITUTION_NO_STEP')
    const { release } = skills.hold(run, step([{}]))
    expect(await call(ECHO, {}, { as: 'run_b' })).toBe('CONSTITUTION_NO_STEP')
    expect(await call(ECHO, {}, { key: 'key-2' })).toBe('CONSTITUTION_NO_STEP')
    expect(await call(ECHO, {})).toBe('done')
    release()
    expect(await call(ECHO, {})).toBe('CONSTITUTION_NO_STEP')
    expect(ran).toEqual([ECHO])
  })

  it('needs a tool that every level lists', async () => {
    const both = [{ allowedTools: [ECHO, NEST] }, { allowedTools: [NEST] }]
    expect(await held(both, NEST)).toEqual({ end: 'done', denied: [] })
    const { end, denied } = await held(both, ECHO)
    expect(end).toBe('CONSTITUTION_TOOL')
    expect(denied).toEqual([expect.stringContaining('the constitution of level 1 does not list test.echo.run@v1')])
    expect((await held([{ allowedTools: [] }, {}], ECHO)).end).toBe('CONSTITUTION_TOOL')
    expect(ran).toEqual([NEST])
  })

  it('is in the log with the constitution named', async () => {
    await held([{ of: 'pack acme.report', allowedTools: [] }], ECHO)
    const records = readFileSync(join(root, '.cloned/audit.log'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    const record = records.findLast(({ type, status }) => type === 'tool.outcome' && status === 'denied')
    expect(record).toMatchObject({ code: 'CONSTITUTION_TOOL', reason: expect.stringContaining('pack acme.report') })
    expect(record.ballot).toContainEqual(expect.objectContaining({ plugin: 'cloned.skills', effect: 'deny' }))
  })

  it('fails its step even where its tool hides the denial', async () => {
    inside = async (ctx) => {
      await ctx.call(ECHO, {})
      return { hidden: true }
    }
    const { end, denied } = await held([{ allowedTools: [NEST] }], NEST)
    expect(end).toBe('done')
    expect(denied).toEqual([expect.stringMatching(/^CONSTITUTION_TOOL /)])
    expect(ran).toEqual([NEST])
  })

  it('is held at any depth, and after its step has ended', async () => {
    let depth = 0
    const outcomes: string[] = []
    inside = async (ctx) => {
      const outcome = await ctx.call(depth++ < 3 ? NEST : ECHO, {})
      if (outcome.status !== 'done') outcomes.push('code' in outcome ? String(outcome.code) : outcome.status)
      return {}
    }
    expect((await held([{ allowedTools: [NEST] }], NEST)).denied).toHaveLength(1)
    expect(outcomes).toEqual(['CONSTITUTION_TOOL'])
    const { release } = skills.hold(run, step([{}]))
    inside = async (ctx) => {
      release()
      const outcome = await ctx.call(ECHO, {})
      return 'code' in outcome ? String(outcome.code) : outcome.status
    }
    await call(NEST, {})
    expect(ran).not.toContain(ECHO)
  })

  it('cannot get out by an action of another kind after its time', async () => {
    const { release } = skills.hold(run, step([{ maxDurationMs: 1000 }]))
    now += 999
    expect(await call(ECHO, {})).toBe('done')
    now += 1
    expect(await call(ECHO, {})).toBe('CONSTITUTION_DURATION')
    expect(release()[0]?.code).toBe('CONSTITUTION_DURATION')
  })

  it.each<[readonly string[], string, boolean]>([
    [['test.run'], ECHO, true],
    [['test.*'], ECHO, true],
    [['test'], ECHO, false],
    [['tes.*'], ECHO, false],
    [['*'], ECHO, false],
    [['fs.*'], READ, true],
    [['fs.*'], ECHO, false],
    [[], ECHO, false],
  ])('with capabilities %j, %s may be called: %s', async (capabilities, tool, allowed) => {
    expect((await held([{ capabilities }], tool, { path: 'a' })).end).toBe(allowed ? 'done' : 'CONSTITUTION_CAPABILITY')
  })

  it('a claimed run has no constitution to speak of, and no step either', async () => {
    skills.hold(run, step([{ allowedTools: [] }]))
    const claimed = { tool: ECHO, input: {}, actor: { id: `run:${run}`, claimed: true } }
    // Who may claim to be a run is decided by the plugin that carries runs; to this one it is somebody else.
    expect((await kernel.call(claimed, { idempotencyKey: run })).status).toBe('done')
  })
})

describe('data sources', () => {
  it.each<[readonly string[], Json, boolean]>([
    [['docs'], 'docs/a.md', true],
    [['docs'], 'docs', true],
    [['docs'], 'docs/', true],
    [['docs'], './docs//a.md', true],
    [['docs'], 'docs/../secret', false],
    [['docs'], 'docsecret/a', false],
    [['docs'], '../ws/docs/a', false],
    [['docs'], '/etc/passwd', false],
    [['docs'], 'docs/link/key', false],
    [['docs'], 'docs/link/new', false],
    [['docs'], 'docs/link/new/deeper', false],
    [['docs'], 'docs/dangling', false],
    [['docs'], 'docs/dangling/new', false],
    [['docs'], 'docs/new/deeper', true],
    [['docs', 'secret'], 'docs/link/new', true],
    [['new'], 'new/deeper', true],
    [['.'], 'new', true],
    [['docs', 'secret'], 'docs/link/key', true],
    [['.'], 'any/thing', true],
    [['.'], '../x', false],
    [[], 'docs/a.md', false],
    [['docs'], 5, false],
    [['docs'], null, false],
  ])('%j hold %j: %s', async (dataSources, path, allowed) => {
    expect((await held([{ dataSources }], READ, { path })).end).toBe(allowed ? 'done' : 'CONSTITUTION_SOURCE')
  })

  it('do not concern tools that touch no files', async () => {
    expect((await held([{ dataSources: [] }], ECHO)).end).toBe('done')
  })
})

describe('egress', () => {
  const asking = (url: string, connector?: string) => async (ctx: HandlerContext) => {
    const subject = { url, method: 'GET', ...(connector === undefined ? {} : { connector }) }
    const answer = await ctx.check(beforeEgress, subject)
    return answer.allowed ? 'allowed' : answer.code
  }

  async function answered(egress: readonly string[], url: string): Promise<Json> {
    inside = asking(url)
    const { release } = skills.hold(run, step([{ egress }]))
    const actor = { id: `run:${run}`, claimed: false }
    const outcome = await kernel.call({ tool: NEST, input: {}, actor }, { idempotencyKey: run })
    release()
    return outcome.status === 'done' ? (outcome.output as Json) : outcome.status
  }

  it.each<[readonly string[], string, boolean]>([
    [['example.com'], 'https://example.com/a', true],
    [['example.com'], 'https://EXAMPLE.com./a', true],
    [['example.com'], 'https://a.example.com/', false],
    [['*.example.com'], 'https://a.example.com/', true],
    [['*.example.com'], 'https://example.com/', false],
    [['*.example.com'], 'https://evilexample.com/', false],
    [['example.com'], 'https://example.com.evil.test/', false],
    [['example.com'], 'https://example.com@evil.test/', false],
    [['example.com'], 'not a url', false],
    [['127.0.0.1'], 'http://0x7f.1/', true],
    [[], 'https://example.com/', false],
  ])('%j reach %s: %s', async (egress, url, allowed) => {
    expect(await answered(egress, url)).toBe(allowed ? 'allowed' : 'CONSTITUTION_EGRESS')
  })

  it('holds for the door of a connector while a held call uses it', async () => {
    const door = async () => {
      const outcome = await kernel.call({ tool: NEST, input: {} })
      return outcome.status === 'done' ? outcome.output : outcome.status
    }
    let seen: unknown
    inside = async (ctx) => {
      if (ctx.tool?.id === NEST) return await asking('https://evil.test/', 'acme.web')(ctx)
      seen = await door()
      return {}
    }
    expect(await door()).toBe('allowed')
    const { release } = skills.hold(run, step([{ egress: ['example.com'] }]))
    await call(WEB, {})
    expect(seen).toBe('CONSTITUTION_EGRESS')
    expect(release()).toHaveLength(1)
    expect(await door()).toBe('allowed')
  })
})

describe('max_cost', () => {
  it('is exact under concurrency: of a hundred calls at 0.3 of at most 1, three run', async () => {
    const { release } = skills.hold(run, step([{ maxCost: { eur: 1 } }]))
    const ends = await Promise.all(Array.from({ length: 100 }, () => call(PAID, {})))
    expect(ends.filter((end) => end === 'done')).toHaveLength(3)
    expect(ends.filter((end) => end === 'CONSTITUTION_COST')).toHaveLength(97)
    expect(ran).toHaveLength(3)
    expect(release()[0]?.message).toContain('0.9 are spent')
  })

  it('counts calls, nested ones too, whatever a tool says that a call costs', async () => {
    inside = async (ctx) => {
      for (let i = 0; i < 5; i++) await ctx.call(ECHO, {})
      return {}
    }
    expect((await held([{ maxCost: { calls: 3 } }], NEST)).denied).not.toEqual([])
    expect(ran).toEqual([NEST, ECHO, ECHO])
  })

  it('is remembered by another process, by place in the run', async () => {
    await held([{ maxCost: { eur: 0.5 } }], PAID)
    await kernel.stop()
    await start()
    expect((await held([{ maxCost: { eur: 0.5 } }], PAID)).end).toBe('CONSTITUTION_COST')
    const other = {
      ...step([]),
      constitutions: [{ constitution: { of: 'level 0', maxCost: { eur: 0.5 } }, at: 'sub', since: now }],
    }
    const { release } = skills.hold(run, other)
    expect(await call(PAID, {})).toBe('done')
    release()
  })

  it('gives back what did not run', async () => {
    const { release } = skills.hold(run, step([{ maxCost: { eur: 0.3 } }]))
    const stopped = AbortSignal.abort()
    const actor = { id: `run:${run}`, claimed: false }
    const outcome = await kernel.call({ tool: PAID, input: {}, actor }, { idempotencyKey: run, signal: stopped })
    expect(outcome).toMatchObject({ status: 'failed', effect: 'none' })
    expect(await call(PAID, {})).toBe('done')
    release()
  })
})
