// The rules that all budgets keep, as cases for any test runner; must never rely on how they are counted or kept.
import assert from 'node:assert/strict'
import {
  definePlugin,
  defineTool,
  fail,
  type Json,
  type Kernel,
  type Outcome,
  policyWrite,
  type ToolDefinition,
  toolsCollection,
} from 'cloned/kernel'
import { type ContractCase, contractCase, mustAct, type OpenReplaced, type TestWorkspace } from 'cloned/testing'
import { policySlot } from '../policy/slot.js'
import { type BudgetUsage, type BudgetWarning, budgetsSlot, onBudgetWarning } from './slot.js'

const HOUR = 3_600_000
/** Three calls an hour; ten tokens an hour, also for `vague`, whose cost nobody knows; two calls an hour for each actor. */
const OVERLAY = `version: 1
pack: personal
budgets:
  - { category: calls, limit: 3, window: 1h, tools: [bench.free.run@v1, bench.paid.run@v1] }
  - { category: tokens, limit: 10, window: 1h, tools: [bench.paid.run@v1, bench.vague.run@v1] }
  - { category: calls, limit: 2, window: 1h, per: actor, tools: [bench.own.run@v1] }
`

type Tool = 'free' | 'paid' | 'vague' | 'own'
/** `tokens`: what a call of `paid` costs. `end`: how the handler ends. */
type Input = { readonly tokens?: number; readonly end?: 'refuses' | 'breaks' }

interface BudgetsSubject extends Pick<TestWorkspace, 'kernel' | 'reopen' | 'now' | 'advance' | 'close'> {
  call(tool: Tool, input?: Input, actor?: string): Promise<Outcome>
  /** The budgets of the bench, in the order of the overlay. */
  usage(kernel?: Kernel): Promise<readonly BudgetUsage[]>
  readonly ran: Tool[]
  readonly warnings: BudgetWarning[]
}

/** The contract of slot `cloned.budgets`, of what it reserves and of the warnings it fires. */
export function budgetsSuite(open: OpenReplaced): readonly ContractCase[] {
  const rule = (name: string, check: (subject: BudgetsSubject) => Promise<void>) =>
    contractCase(name, () => openBudgets(open), check)
  return [
    rule('calls run as often as a budget says, and then no more', async ({ call, ran, usage }) => {
      for (let n = 0; n < 3; n++) assert.equal((await call('free')).status, 'done')
      assertExceeded(await call('free'))
      assert.equal(ran.length, 3)
      assert.deepEqual(used(await usage()), [3, 0, 0])
    }),
    rule('calls at one moment never get more than there is', async ({ call, ran, usage }) => {
      const outcomes = await Promise.all(Array.from({ length: 20 }, () => call('free')))
      assert.equal(outcomes.filter(({ status }) => status === 'done').length, 3)
      assert.equal(ran.length, 3)
      assert.deepEqual(used(await usage()), [3, 0, 0])
    }),
    rule('a call takes from every budget that it falls under, or from none', async ({ call, usage }) => {
      assert.equal((await call('paid', { tokens: 8 })).status, 'done')
      assert.deepEqual(used(await usage()), [1, 8, 0])
      assertExceeded(await call('paid', { tokens: 3 }))
      assert.deepEqual(used(await usage()), [1, 8, 0])
      assert.equal((await call('paid', { tokens: 2 })).status, 'done')
    }),
    rule('fractions add up exactly', async ({ call, usage }) => {
      for (const tokens of [0.1, 0.2, 9.7]) assert.equal((await call('paid', { tokens })).status, 'done')
      assert.deepEqual(used(await usage()), [3, 10, 0])
    }),
    rule('what certainly had no effect is given back; what may have had one is not', async ({ call, usage }) => {
      assert.equal((await call('paid', { tokens: 4, end: 'refuses' })).status, 'failed')
      assert.deepEqual(used(await usage()), [0, 0, 0])
      assert.equal((await call('paid', { tokens: 4, end: 'breaks' })).status, 'failed')
      assert.deepEqual(used(await usage()), [1, 4, 0])
    }),
    rule('a dry run takes nothing, and tells when there is nothing left', async ({ kernel, call, usage }) => {
      const request = { tool: toolId('free'), input: {} }
      assert.equal((await kernel.explain(request)).status, 'dry-run')
      assert.deepEqual(used(await usage()), [0, 0, 0])
      for (let n = 0; n < 3; n++) await call('free')
      assert.match(JSON.stringify(await kernel.explain(request)), /BUDGET_EXCEEDED/)
    }),
    rule('somebody is asked about a cost that nobody can know, where it is capped', async ({ call, ran }) => {
      assert.equal((await call('vague')).status, 'pending')
      assert.deepEqual(ran, [])
    }),
    rule(
      'actors have counters of their own; names that are only claimed share one',
      async ({ kernel, call, usage }) => {
        for (const actor of ['agent:a', 'agent:b'])
          for (let n = 0; n < 2; n++) assert.equal((await call('own', {}, actor)).status, 'done')
        assertExceeded(await call('own', {}, 'agent:a'))
        const claims = ['agent:c', 'agent:d', 'agent:e'].map((id) => ({ id, claimed: true }))
        const ends = []
        for (const actor of claims) ends.push((await kernel.call({ tool: toolId('own'), input: {}, actor })).status)
        assert.deepEqual(ends, ['done', 'done', 'denied'])
        const counters = (await usage()).filter(({ per }) => per === 'actor')
        assert.deepEqual(used(counters), [2, 2, 2])
        assert.ok(['agent:a', 'agent:b'].every((id) => counters.some(({ subject }) => subject === id)))
      },
    ),
    rule('a budget is full again when its window is over, and not before', async ({ call, usage, advance, now }) => {
      for (let n = 0; n < 3; n++) await call('free')
      const { windowStart = 0, windowMs } = (await usage())[0] ?? assert.fail('there is no such budget')
      assert.deepEqual([windowMs, windowStart % HOUR], [HOUR, 0])
      const left = windowStart + HOUR - now()
      advance(left - 1)
      assertExceeded(await call('free'))
      advance(1)
      assert.deepEqual(used(await usage()), [0, 0, 0])
      assert.equal((await call('free')).status, 'done')
    }),
    rule('what was used stays used over a restart', async ({ call, usage, reopen }) => {
      await call('paid', { tokens: 8 })
      assert.deepEqual(used(await usage(await reopen())), [1, 8, 0])
    }),
    rule('its usage says what the policy set and what is left', async ({ call, usage }) => {
      await call('paid', { tokens: 5 })
      const [, tokens] = await usage()
      assert.deepEqual([tokens?.category, tokens?.limit, tokens?.used, tokens?.warnAt], ['tokens', 10, 5, 8])
      assert.ok((tokens?.projected ?? 0) >= 5)
    }),
    rule('the call that takes a budget to its threshold warns, and no other one', async ({ call, warnings }) => {
      for (const tokens of [5, 3, 1]) await call('paid', { tokens })
      const told = warnings.filter(({ category }) => category === 'tokens')
      assert.deepEqual(
        told.map(({ used: at, limit, tool }) => [at, limit, tool]),
        [[8, 10, toolId('paid')]],
      )
    }),
  ]
}

async function openBudgets(open: OpenReplaced): Promise<BudgetsSubject> {
  const ran: Tool[] = []
  const warnings: BudgetWarning[] = []
  const bench = definePlugin({
    id: 'bench.budgets',
    version: '1.0.0',
    kernel: '^0.1.0',
    taps: [onBudgetWarning],
    contributes: { tools: toolsCollection },
    setup({ hooks }) {
      hooks.observe(onBudgetWarning, (warning) => void warnings.push(warning))
      const tokens = { terms: [{ input: '/tokens', rate: 1 }] }
      return {
        tools: [
          toolOf('free', {}, ran),
          toolOf('paid', { tokens }, ran),
          toolOf('vague', { tokens: 'unknown' }, ran),
          toolOf('own', {}, ran),
        ],
      }
    },
  })
  const { kernel, reopen, now, advance, close } = await open({ plugins: [bench] })
  const { pack, overlay: previous } = kernel.service(policySlot).snapshot()
  await mustAct(kernel, policyWrite, pack, { pack, content: OVERLAY, previous })
  return {
    kernel,
    reopen,
    now,
    advance,
    close,
    ran,
    warnings,
    call: (tool, input = {}, actor = 'agent:bench') =>
      kernel.call({ tool: toolId(tool), input, actor: { id: actor, claimed: false } }),
    async usage(from = kernel) {
      const all = await from.service(budgetsSlot).usage()
      return all.filter(({ tools }) => tools?.every((id) => id.startsWith('bench.')))
    },
  }
}

function toolOf(tool: Tool, cost: NonNullable<ToolDefinition<Input, Json>['cost']>, ran: Tool[]) {
  return defineTool<Input, Json>({
    id: toolId(tool),
    title: tool,
    description: 'Does what the suite says',
    risk: 'low',
    capability: 'bench.run',
    cost,
    input: { type: 'object' },
    output: {},
    handler({ end }) {
      if (end === 'refuses') throw fail('it did nothing')
      if (end === 'breaks') throw new Error('who knows what it did')
      ran.push(tool)
      return null
    },
  })
}

function toolId(tool: Tool): string {
  return `bench.${tool}.run@v1`
}

function used(usage: readonly BudgetUsage[]): readonly number[] {
  return usage.map((budget) => budget.used)
}

function assertExceeded(outcome: Outcome): void {
  assert.equal(outcome.status, 'denied')
  assert.equal(outcome.code, 'BUDGET_EXCEEDED')
}
