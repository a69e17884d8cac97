import { createKernel, definePlugin, slot } from 'cloned/kernel'
import { type Budgets, type BudgetUsage, budgetsSlot } from 'cloned/plugins/budgets'
import { expect, it } from 'vitest'

type Before = {
  usage(): Promise<readonly Pick<BudgetUsage, 'category' | 'limit' | 'used' | 'windowMs' | 'windowStart'>[]>
}
const before = slot<Before>(budgetsSlot.id, { contract: 1 })
const cap = { category: 'calls', limit: 10, used: 4, windowMs: 1000, windowStart: 0 }

function kernelWith(plugin: Parameters<typeof createKernel>[0]['plugins'][number]) {
  return createKernel({ name: 'test', version: '1.0.0', plugins: [plugin], mayAllow: [] })
}

it('a budgets plugin of contract 1 serves who was built for contract 2: it warns at the limit and projects nothing', async () => {
  const old = definePlugin({
    id: 'acme.budgets',
    version: '1.0.0',
    kernel: '^0.1.0',
    provides: { budgets: before },
    setup: () => ({ budgets: { usage: async () => [cap] } }),
  })
  expect(await kernelWith(old).service(budgetsSlot).usage()).toEqual([{ ...cap, warnAt: 10, projected: 4 }])
})

it('a budgets plugin of contract 2 serves who was built for contract 1', async () => {
  const now: Budgets = { usage: async () => [{ ...cap, warnAt: 8, projected: 9 }] }
  const plugin = definePlugin({
    id: 'acme.budgets',
    version: '1.0.0',
    kernel: '^0.1.0',
    provides: { budgets: budgetsSlot },
    setup: () => ({ budgets: now }),
  })
  expect(await kernelWith(plugin).service(before).usage()).toMatchObject([cap])
})
