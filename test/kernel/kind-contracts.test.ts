import {
  type Action,
  type ActionKind,
  actionKind,
  afterAction,
  allow,
  beforeAction,
  createKernel,
  defineDistribution,
  defineHook,
  definePlugin,
  defineTool,
  type Json,
  onPolicyWrite,
  type Plugin,
  plan,
  policyWrite,
  toolsCollection,
} from 'cloned/kernel'
import { afterEach, describe, expect, it } from 'vitest'
import { auditPlugin, basics, quiet } from './support.js'

/** Contract 1 names a rocket and answers a height; contract 2 names stages and answers where it is. */
type Launch1 = { readonly rocket: string }
type Launch2 = { readonly stages: readonly string[] }
type Place2 = { readonly height: number; readonly unit: 'km' }

const base = { id: 'test.launch', record: 'launch', onApproval: 'caller' } as const
const before = actionKind<Launch1, number, 'test.launch'>({ ...base, contract: 1 })
const now = actionKind<Launch2, Place2, 'test.launch'>({
  ...base,
  contract: 2,
  previous: {
    input: {
      up: ({ rocket }: Launch1) => {
        if (rocket === 'torn') throw new Error('it is torn')
        return { stages: rocket.split('+') }
      },
      down: ({ stages }: Launch2) => ({ rocket: stages.join('+') }),
    },
    output: {
      up: (height: number) => ({ height, unit: 'km' as const }),
      down: ({ height }: Place2) => {
        if (height === 13) throw new Error('no such place')
        return height
      },
    },
  },
})
const far = actionKind<Launch2, Place2, 'test.launch'>({ ...base, contract: 3 })

const ran: unknown[] = []
const told: unknown[] = []
const executor = (kind: ActionKind, key: 'rocket' | 'stages', answer: (input: Json) => Json): Plugin =>
  definePlugin({
    id: 'test.pad',
    ...basics,
    executes: [kind],
    setup: ({ actions }) =>
      actions.execute(kind, {
        input: { type: 'object', additionalProperties: false, required: [key], properties: { [key]: {} } },
        execute: (input) => {
          ran.push(input)
          return answer(input)
        },
      }),
  })
const padBefore = () => executor(before as ActionKind, 'rocket', () => 7)
const padNow = (height = 7) => executor(now as unknown as ActionKind, 'stages', () => ({ height, unit: 'km' }))

const watcher = definePlugin({
  id: 'test.watcher',
  ...basics,
  taps: [beforeAction, afterAction],
  setup({ hooks }) {
    hooks.guard(beforeAction, () => allow())
    hooks.observe(afterAction, ({ action, outcome }) => {
      told.push(action.input, outcome.status === 'done' ? outcome.output : outcome.status)
    })
  },
})

const kernels: { stop(): Promise<void> }[] = []
afterEach(async () => {
  for (const kernel of kernels.splice(0)) await kernel.stop()
  ran.length = 0
  told.length = 0
})

async function started(...plugins: Plugin[]) {
  const audit = auditPlugin()
  const distribution = defineDistribution({
    name: 'test',
    version: '1.0.0',
    plugins: [audit, watcher, ...plugins],
    mayAllow: ['test.watcher'],
  })
  const kernel = createKernel(distribution, { log: () => quiet, osUser: 'tester' })
  kernels.push(kernel)
  await kernel.start()
  return kernel
}

describe('an action whose starter and executor were built for neighbouring contracts of its kind', () => {
  it.each([
    ['the executor is newer', padNow, before, { rocket: 'a+b' }, { stages: ['a', 'b'] }, { height: 7, unit: 'km' }, 7],
    ['the starter is newer', padBefore, now, { stages: ['a', 'b'] }, { rocket: 'a+b' }, 7, { height: 7, unit: 'km' }],
    [
      'both are new',
      padNow,
      now,
      { stages: ['a'] },
      { stages: ['a'] },
      { height: 7, unit: 'km' },
      { height: 7, unit: 'km' },
    ],
    ['both are old', padBefore, before, { rocket: 'a' }, { rocket: 'a' }, 7, 7],
  ])('runs, judged and told as it is executed, answered as it was started: %s', async (_, pad, kind, ...values) => {
    const [input, executed, output, answered] = values
    const kernel = await started(pad())
    const outcome = await kernel.act(kind as ActionKind, { target: 'pad', input: input as Json })
    expect(outcome).toMatchObject({ status: 'done', output: answered })
    expect(ran).toEqual([executed])
    expect(told).toEqual([executed, output])
  })

  it('so it is for one that a handler starts', async () => {
    const tools = definePlugin({
      id: 'test.tools',
      ...basics,
      contributes: { tools: toolsCollection },
      setup: () => ({
        tools: [
          defineTool({
            id: 'test.tools.launch@v1',
            title: 'Launch',
            description: 'Launches.',
            risk: 'low',
            capability: 'launch',
            input: { type: 'object' },
            output: {},
            handler: async (_, ctx) => {
              const outcome = await ctx.act(before, { target: 'pad', input: { rocket: 'a+b' } })
              return outcome.status === 'done' ? outcome.output : outcome.status
            },
          }),
        ],
      }),
    })
    const kernel = await started(padNow(), tools)
    expect(await kernel.call({ tool: 'test.tools.launch@v1', input: {} })).toMatchObject({ status: 'done', output: 7 })
    expect(ran).toEqual([{ stages: ['a', 'b'] }])
  })

  it.each([
    ['further apart than an adapter goes', padNow, { ...before, contract: 4 }, { rocket: 'a' }, 'KIND_CONTRACT'],
    ['one apart without an adapter', padNow, far, { stages: ['a'] }, 'KIND_CONTRACT'],
    ['no contract at all', padNow, { ...before, contract: undefined }, { rocket: 'a' }, 'KIND_CONTRACT'],
    ['what the adapter throws on', padNow, before, { rocket: 'torn' }, 'KIND_ADAPTER'],
    ['what the adapter makes junk of', padBefore, now, { stages: { join: 1 } }, 'KIND_ADAPTER'],
    ['what is not what its contract says', padNow, now, { rocket: 'a' }, 'ACTION_INVALID'],
  ])('is denied and does not run: %s', async (_, pad, kind, input, code) => {
    const kernel = await started(pad())
    const outcome = await kernel.act(kind as unknown as ActionKind, { target: 'pad', input: input as Json })
    expect(outcome).toMatchObject({ status: 'denied', code, help: expect.stringMatching(/./) })
    expect(ran).toEqual([])
  })

  it('says that it happened when only its answer cannot be brought back', async () => {
    const kernel = await started(padNow(13))
    expect(await kernel.act(before, { target: 'pad', input: { rocket: 'a' } })).toMatchObject({
      status: 'failed',
      effect: 'happened',
      code: 'KIND_ADAPTER',
    })
    expect(ran).toEqual([{ stages: ['a'] }])
    expect(told.at(-1)).toEqual({ height: 13, unit: 'km' })
  })

  it('cannot have its input changed by who started it while it is judged', async () => {
    const given = {
      rocket: 'a',
      get grown() {
        return 'b'
      },
    }
    const kernel = await started(padNow())
    await kernel.act(before, { target: 'pad', input: given })
    expect(ran).toEqual([])
  })
})

const guardBefore = defineHook.guard<Action, 'beforeLaunch'>('beforeLaunch', 1)
const guardNow = defineHook.guard<Action, 'beforeLaunch'>('beforeLaunch', 2, {
  previous: { up: (one: Action) => one, down: (one: Action) => one },
})
const kindWith = (id: string, more: object) => actionKind({ ...base, ...more, id, contract: 1 } as ActionKind)
const executing = (id: string, kind: ActionKind) =>
  definePlugin({
    id,
    ...basics,
    executes: [kind],
    setup: ({ actions }) => actions.execute(kind, { input: {}, execute: () => null }),
  })
const problemsOf = (...plugins: Plugin[]) =>
  plan(defineDistribution({ name: 'test', version: '1.0.0', plugins, mayAllow: [] })).problems.map(
    ({ code, message }) => `${code} ${message}`,
  )

describe('the hooks of a kind that a plugin executes', () => {
  const alone = executing('test.one', kindWith('test.one', { guard: guardNow }))

  it.each<[string, readonly Plugin[], RegExp | undefined]>([
    ['alone', [alone], undefined],
    [
      'with another kind of the same contract',
      [alone, executing('test.two', kindWith('test.two', { guard: guardNow }))],
      undefined,
    ],
    [
      'with another kind that was built for the contract before',
      [alone, executing('test.two', kindWith('test.two', { guard: guardBefore }))],
      /^HOOK_CONTRACT .*beforeLaunch.*test\.two.* contract 1.* contract 2/,
    ],
    [
      'under the id of a hook of another kind',
      [executing('test.two', kindWith('test.two', { guard: defineHook.guard('afterAction') }))],
      /^PLUGIN_INVALID .*test\.two.*afterAction.* guard.* observe/,
    ],
    [
      'of the kernel, of a contract that it is far from',
      [executing('test.two', kindWith('test.two', { guard: defineHook.guard('onPolicyWrite', 3) }))],
      /^HOOK_CONTRACT .*onPolicyWrite.* contract 3.* contract 1/,
    ],
    [
      'of the kernel, of the next contract with its adapter',
      [
        executing(
          'test.two',
          kindWith('test.two', {
            guard: { ...onPolicyWrite, contract: 2, previous: { up: () => {}, down: () => {} } },
          }),
        ),
      ],
      undefined,
    ],
    [
      'in the wrong place',
      [executing('test.two', kindWith('test.two', { reserve: guardNow }))],
      /^PLUGIN_INVALID .*executes\.0\.reserve is not a hook of kind reserve/,
    ],
    [
      'that are none',
      [executing('test.two', kindWith('test.two', { after: null }))],
      /executes\.0\.after is not a hook of kind observe/,
    ],
  ])('are checked: %s', (_, plugins, says) => {
    const problems = problemsOf(...plugins)
    if (says === undefined) expect(problems).toEqual([])
    else expect(problems).toEqual([expect.stringMatching(says)])
  })

  it('are those of the manifest, whatever setup says', async () => {
    const [declared, other] = [kindWith('test.two', { guard: guardNow }), kindWith('test.two', {})]
    const sly = definePlugin({
      id: 'test.two',
      ...basics,
      executes: [declared],
      taps: [guardNow],
      setup({ actions, hooks }) {
        hooks.guard(guardNow, () => ({ effect: 'deny', reason: 'never' }))
        actions.execute(other, { input: {}, execute: () => ran.push('sly') })
      },
    })
    const kernel = await started(sly)
    expect(await kernel.act(declared, { target: 'x', input: {} })).toMatchObject({ status: 'denied' })
    expect(ran).toEqual([])
  })
})

it('who executes a kind is in the plan with its contract, and warned of one that is deprecated', () => {
  const newer = { ...policyWrite, contract: 2, previous: now.previous } as unknown as ActionKind
  const report = plan(
    defineDistribution({
      name: 'test',
      version: '1.0.0',
      plugins: [executing('test.one', { ...newer, deprecated: 'Use test.other.' })],
      mayAllow: [],
    }),
  )
  expect(report.plugins[0]?.contracts).toEqual({ 'policy.write': 2 })
  expect(report.warnings.map(({ code }) => code)).toEqual(['TOKEN_DEPRECATED'])
})
