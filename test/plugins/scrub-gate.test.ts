import {
  actionKind,
  allow,
  ask,
  beforeAction,
  definePlugin,
  defineTool,
  deny,
  fail,
  filterToolResult,
  type HandlerContext,
  type Json,
  type Kernel,
  type Logger,
  type Outcome,
  type Plugin,
  scrubberSlot,
} from 'cloned/kernel'
import { type MemoryAudit, memoryAudit } from 'cloned/testing'
import { describe, expect, it } from 'vitest'
import { scrubPlugin } from '../../plugins/scrub/index.js'
import { fakeApprovals } from '../kernel/fakes.js'
import { allowAll, approvalsPlugin, auditPlugin, basics, guardPlugin, started, toolsPlugin } from '../kernel/support.js'

const SECRET = 'gh_aZ3.x9/Q+7"wörd'
const MARKER = '[REDACTED:vault:github]'
/** Ways to write it that a search for its characters would not find. */
const FORMS: Readonly<Record<string, string>> = {
  plain: SECRET,
  json: JSON.stringify(JSON.stringify({ token: SECRET })),
  url: `https://api.test/?t=${encodeURIComponent(SECRET)}`,
  hex: Buffer.from(SECRET).toString('hex'),
  basic: `Basic ${Buffer.from(`user:${SECRET}`).toString('base64')}`,
}
const escaped = (text: string) => JSON.stringify(text).slice(1, -1)
const traces = (text: string) =>
  Object.entries(FORMS)
    .filter(([, form]) => [form, escaped(form), escaped(escaped(form))].some((each) => text.includes(each)))
    .map(([name]) => name)

/** A tool that does what the test says. */
function tool(handler: (input: { text?: string }, ctx: HandlerContext) => Json | Promise<Json>, output: Json = {}) {
  return defineTool<{ text?: string }, Json>({
    id: 'test.do.it@v1',
    title: 'Do it',
    description: 'Does it',
    risk: 'low',
    capability: 'test',
    input: { type: 'object', properties: { text: { type: 'string' } } },
    output: output as never,
    handler,
  })
}

interface World {
  readonly kernel: Kernel
  readonly audit: MemoryAudit
  readonly logged: string[]
  call(input?: Json): Promise<Outcome>
  records(type: string): readonly object[]
}

/** A kernel that has resolved the secret. */
async function world(
  handler: Parameters<typeof tool>[0],
  more: readonly Plugin[] = [],
  config: Json = {},
): Promise<World> {
  const audit = memoryAudit()
  const logged: string[] = []
  const write = (message: string, fields?: object) => logged.push(`${message} ${JSON.stringify(fields)}`)
  const log = (): Logger => ({ debug: write, info: write, warn: write, error: write })
  const plugins = [auditPlugin(audit), scrubPlugin, toolsPlugin([tool(handler)]), ...more]
  const policy = more.some(({ manifest }) => manifest.id === 'test.policy') ? [] : [allowAll]
  const kernel = await started(
    [...plugins, ...policy],
    { mayAllow: ['test.policy'] },
    { log, config: { 'cloned.scrub': config } },
  )
  kernel.service(scrubberSlot).register('github', Buffer.from(SECRET))
  return {
    kernel,
    audit,
    logged,
    call: (input = {}) => kernel.call({ tool: 'test.do.it@v1', input }),
    records: (type) => audit.records().flatMap(({ record }) => (record['type'] === type ? [record] : [])),
  }
}

describe.each(Object.entries(FORMS))('a secret written as %s', (_, form) => {
  it('does not leave in a result, its keys included', async () => {
    const { call, records } = await world(() => ({ [form]: [form] }))
    const outcome = await call()
    expect(outcome.status).toBe('done')
    expect(traces(JSON.stringify(outcome))).toEqual([])
    expect(JSON.stringify(outcome)).toContain(MARKER)
    const hit = { type: 'redaction.hit', name: 'github', sink: 'output', count: 2, call_id: outcome.callId }
    expect(records('redaction.hit')).toMatchObject([hit])
  })

  it('does not leave in an error, its advice and its code', async () => {
    const { call } = await world(() => {
      throw fail(`the server said: ${form}`, { help: `try ${form}`, code: `E_${form}` })
    })
    const outcome = await call()
    expect(outcome).toMatchObject({ status: 'failed', effect: 'none', reason: expect.stringContaining(MARKER) })
    expect(traces(JSON.stringify(outcome))).toEqual([])
  })

  it('does not leave in a progress message', async () => {
    const { kernel } = await world(async (_input, ctx) => {
      ctx.progress({ at: form })
      return null
    })
    const seen: Json[] = []
    await kernel.call({ tool: 'test.do.it@v1', input: {} }, { onProgress: (message) => seen.push(message) })
    expect(seen.length).toBe(1)
    expect(traces(JSON.stringify(seen))).toEqual([])
  })

  it('does not enter the log of diagnostics', async () => {
    let log: Logger | undefined
    const talker = definePlugin({
      id: 'test.talker',
      ...basics,
      setup: (ctx) => {
        log = ctx.log
      },
    })
    const { logged, records } = await world(() => null, [talker])
    log?.warn(`sending ${form}`, { header: form, nested: [{ [form]: 1 }] })
    expect(logged.length).toBe(1)
    expect(traces(logged.join())).toEqual([])
    expect(records('redaction.hit')).toMatchObject([{ sink: 'log' }])
  })

  it('does not enter the audit log, whoever words the record', async () => {
    const { call, audit } = await world(async (_input, ctx) => {
      await ctx.record('test.note', { about: form })
      throw new Error(form)
    })
    await call()
    expect(audit.lines().length).toBeGreaterThan(3)
    expect(traces(audit.lines().join(''))).toEqual([])
  })

  it('stops an action whose input holds it, before anything is asked, stored or run', async () => {
    let ran = false
    const approvals = fakeApprovals()
    const asks = guardPlugin('test.policy', () => ask('is that all right', 'test'))
    const { call, audit } = await world(() => {
      ran = true
      return null
    }, [asks, approvalsPlugin(approvals)])
    const outcome = await call({ text: `please use ${form}` })
    expect(outcome).toMatchObject({ status: 'denied', code: 'SECRET_IN_INPUT' })
    expect(outcome).toMatchObject({ help: expect.stringContaining('cloned vault rotate github') })
    expect(ran).toBe(false)
    expect(await approvals.list()).toEqual([])
    expect(traces(JSON.stringify(outcome) + audit.lines().join(''))).toEqual([])
  })

  it('does not leave in the reason of a guard, nor enter what is stored for approval', async () => {
    const approvals = fakeApprovals()
    const asks = guardPlugin('test.policy', () => ask(`may it see ${form}`, 'test'))
    const { call } = await world(() => null, [asks, approvalsPlugin(approvals)])
    const pending = await call()
    expect(pending.status).toBe('pending')
    const stored = JSON.stringify(await approvals.list())
    expect(stored).toContain('may it see')
    expect(traces(stored + JSON.stringify(pending))).toEqual([])
  })
})

it('a reason that is cut for its record does not leave the beginning of a secret at the cut', async () => {
  const refuses = guardPlugin('test.policy', () => deny(`${'x'.repeat(490)}${SECRET}`))
  const { call, audit } = await world(() => null, [refuses])
  await call()
  expect(audit.lines().join('')).not.toContain(SECRET.slice(0, 8))
})

it('an action of a kind without result filters is scrubbed too, and its input looked at', async () => {
  const kind = actionKind<{ text: string }, Json, 'test.make'>({
    id: 'test.make',
    contract: 1,
    record: 'make',
    onApproval: 'caller',
  })
  const maker = definePlugin({
    id: 'test.policy',
    ...basics,
    taps: [beforeAction],
    executes: [kind],
    setup({ hooks, actions }) {
      hooks.guard(beforeAction, () => allow('test'))
      actions.execute(kind, { input: { type: 'object' }, execute: () => ({ made: SECRET }) })
    },
  })
  const { kernel } = await world(() => null, [maker])
  const made = await kernel.act(kind, { target: 'x', input: { text: 'plain' } })
  expect(made).toMatchObject({ status: 'done', output: { made: MARKER } })
  const refused = await kernel.act(kind, { target: 'x', input: { text: SECRET } })
  expect(refused).toMatchObject({ status: 'denied', code: 'SECRET_IN_INPUT' })
})

it('with onHit: block a result that holds a secret is withheld', async () => {
  const { call } = await world(() => `the token is ${SECRET}`, [], { onHit: 'block' })
  const outcome = await call()
  expect(outcome).toMatchObject({ status: 'failed', code: 'RESULT_WITHHELD', effect: 'happened' })
  expect(traces(JSON.stringify(outcome))).toEqual([])
})

it('with onHit: block a result that holds none is released', async () => {
  const { call } = await world(() => 'nothing in here', [], { onHit: 'block' })
  expect(await call()).toMatchObject({ status: 'done', output: 'nothing in here' })
})

it('a hit stands in the audit log before the outcome that it belongs to', async () => {
  const { call, audit } = await world(() => SECRET)
  await call()
  const types = audit.records().map(({ record }) => record['type'])
  expect(types.indexOf('redaction.hit')).toBeGreaterThan(types.indexOf('tool.intent'))
  expect(types.indexOf('redaction.hit')).toBeLessThan(types.indexOf('tool.outcome'))
})

it('hits of one place that come faster than they can be recorded are added up, and none is lost', async () => {
  const { kernel, audit, records } = await world(() => null)
  for (let i = 0; i < 1000; i++) kernel.service(scrubberSlot).text(SECRET, 'events')
  await kernel.stop()
  const counts = records('redaction.hit').map((record) => (record as { count: number }).count)
  expect(counts.reduce((a, b) => a + b)).toBe(1000)
  expect(audit.records().length).toBeLessThan(10)
})

it('a redaction that cannot be recorded is logged, and the value is out all the same', async () => {
  const { kernel, audit, logged } = await world(() => null)
  audit.fail(new Error('disk full'))
  expect(kernel.service(scrubberSlot).text(SECRET, 'events')).toBe(MARKER)
  await kernel.stop()
  expect(logged.join()).toContain('a redaction could not be recorded')
  expect(traces(logged.join())).toEqual([])
})

it('goes on after the kernel has stopped: last words leave the process too', async () => {
  const { kernel } = await world(() => null)
  const scrubber = kernel.service(scrubberSlot)
  await kernel.stop()
  expect(scrubber.text(SECRET, 'stderr')).toBe(MARKER)
})

describe('a scrubber that fails', () => {
  const broken = (): never => {
    throw new Error(`cannot scrub ${SECRET}`)
  }
  const brokenPlugin = definePlugin({
    id: 'test.scrub',
    ...basics,
    provides: { scrubber: scrubberSlot },
    setup: () => ({ scrubber: { register: broken, text: broken, json: broken, bytes: broken, stream: broken } }),
  })

  it('lets no action run, no record out and no log line through', async () => {
    const audit = memoryAudit()
    const logged: unknown[] = []
    const write = (...line: unknown[]) => logged.push(...line)
    let ran = false
    const handler = () => {
      ran = true
      return null
    }
    const kernel = await started(
      [auditPlugin(audit), brokenPlugin, allowAll, toolsPlugin([tool(handler)])],
      {},
      { log: () => ({ debug: write, info: write, warn: write, error: write }) },
    )
    const outcome = await kernel.call({ tool: 'test.do.it@v1', input: {} })
    await kernel.stop()
    expect(ran).toBe(false)
    expect(outcome).toMatchObject({ status: 'denied', reason: '[withheld: the scrubber failed]' })
    expect(audit.lines()).toEqual([])
    expect(traces(JSON.stringify([outcome, logged]))).toEqual([])
  })
})

it('a filter cannot put a secret back: the scrubber comes after all of them', async () => {
  const decoder = definePlugin({
    id: 'test.decoder',
    ...basics,
    taps: [filterToolResult],
    setup: ({ hooks }) => hooks.transform(filterToolResult, () => ({ value: SECRET })),
  })
  const { call } = await world(() => 'harmless', [decoder])
  expect(traces(JSON.stringify(await call()))).toEqual([])
})
