import {
  type ActionKind,
  type Actor,
  afterAction,
  afterToolCall,
  allow,
  approvalsSlot,
  ask,
  auditSlot,
  beforeAction,
  beforeEgress,
  beforeToolCall,
  createKernel,
  type Distribution,
  defineDistribution,
  definePlugin,
  defineTool,
  filterToolResult,
  instancesSlot,
  onApprovalDecided,
  onApprovalRequested,
  onPolicyWrite,
  onReady,
  type Plugin,
  policyWrite,
  prepareToolCall,
  reserveToolCall,
  toolsCollection,
} from 'cloned/kernel'
import { type FaultSubject, faultMatrix, memoryAudit } from 'cloned/testing'
import { describe, expect, it } from 'vitest'
import { fakeApprovals, fakeInstances, fakeReserve } from '../kernel/fakes.js'
import { basics, quiet } from '../kernel/support.js'

const DECIDER: Actor = { id: 'user:decider', claimed: false, osUser: 'decider' }

/** One plugin for every kind of hook and for every slot that the kernel calls; each does its job and no more. */
const plugins: readonly Plugin[] = [
  definePlugin({
    id: 'test.instances',
    ...basics,
    provides: { instances: instancesSlot },
    setup: () => ({ instances: fakeInstances() }),
  }),
  definePlugin({
    id: 'test.audit',
    ...basics,
    provides: { audit: auditSlot },
    setup: () => ({ audit: memoryAudit() }),
  }),
  definePlugin({
    id: 'test.policy',
    ...basics,
    taps: [beforeToolCall, beforeEgress, onPolicyWrite],
    executes: [policyWrite],
    setup({ hooks, actions }) {
      hooks.guard(beforeToolCall, ({ target }) =>
        target.includes('.asked@') ? ask('really?', 'really') : allow('test'),
      )
      hooks.guard(beforeEgress, () => allow('test'))
      hooks.guard(onPolicyWrite, () => allow('test'))
      actions.execute(policyWrite, { input: { type: 'object' }, execute: () => null })
    },
  }),
  definePlugin({
    id: 'test.guard',
    ...basics,
    taps: [beforeAction],
    setup: ({ hooks }) => hooks.guard(beforeAction, async () => undefined),
  }),
  definePlugin({
    id: 'test.transforms',
    ...basics,
    taps: [prepareToolCall, filterToolResult],
    setup({ hooks }) {
      hooks.transform(prepareToolCall, () => undefined)
      hooks.transform(filterToolResult, async () => undefined)
    },
  }),
  definePlugin({
    id: 'test.reserve',
    ...basics,
    taps: [reserveToolCall],
    setup: ({ hooks }) => hooks.reserve(reserveToolCall, fakeReserve()),
  }),
  definePlugin({
    id: 'test.approvals',
    ...basics,
    provides: { approvals: approvalsSlot },
    fires: [onApprovalDecided],
    setup: ({ hooks }) => ({ approvals: fakeApprovals((request) => hooks.fire(onApprovalDecided, request)) }),
  }),
  definePlugin({
    id: 'test.told',
    ...basics,
    taps: [onApprovalRequested, onApprovalDecided, afterToolCall, afterAction, onReady],
    setup({ hooks }) {
      hooks.notify(onApprovalRequested, () => true)
      for (const hook of [onApprovalDecided, afterToolCall, afterAction, onReady] as const) {
        hooks.observe(hook as typeof afterAction, () => undefined)
      }
    },
  }),
]

function makeMinimal(distribution: Distribution): Promise<FaultSubject> {
  let runs = 0
  let n = 0
  const tool = (name: string) =>
    defineTool<{ n: number }, { secret: string }>({
      id: `test.tools.${name}@v1`,
      title: name,
      description: name,
      risk: 'low',
      capability: 'test',
      input: { type: 'object', properties: { n: { type: 'number' } }, required: ['n'], additionalProperties: false },
      output: { type: 'object' },
      async handler(_, ctx) {
        runs++
        await ctx.check(beforeEgress, { url: 'https://example.org/', method: 'GET' })
        return { secret: 'of the result' }
      },
    })
  const tools = definePlugin({
    id: 'test.tools',
    ...basics,
    contributes: { tools: toolsCollection },
    setup: () => ({ tools: [tool('plain'), tool('asked')] }),
  })
  const kernel = createKernel(defineDistribution({ ...distribution, plugins: [...distribution.plugins, tools] }), {
    log: () => quiet,
    osUser: 'tester',
  })
  return kernel.start().then(() => ({
    kernel,
    call: () => ({ tool: 'test.tools.plain@v1', input: { n: n++ } }),
    asked: () => ({ tool: 'test.tools.asked@v1', input: { n: n++ } }),
    decider: DECIDER,
    ran: () => runs,
    act: {
      onPolicyWrite: () => kernel.act(policyWrite as ActionKind, { target: 'test', input: { n } }),
    },
    dispose: () => kernel.stop(),
  }))
}

const minimal = defineDistribution({ name: 'minimal', version: '1.0.0', plugins, mayAllow: ['test.policy'] })

describe('a distribution with one plugin for every place', () => {
  it('runs when nothing fails', async () => {
    const subject = await makeMinimal(minimal)
    expect(await subject.kernel.call(subject.call())).toMatchObject({ status: 'done' })
    expect(subject.ran()).toBe(1)
    await subject.dispose()
  })

  it.each(faultMatrix(minimal, makeMinimal).map((rule) => [rule.name, rule] as const))('%s', (_, rule) => rule.run())
})
