import {
  type Action,
  actionKind,
  allow,
  createKernel,
  defineDistribution,
  defineHook,
  definePlugin,
  deny,
  type Json,
  type Plugin,
} from 'cloned/kernel'
import { afterEach, describe, expect, it } from 'vitest'
import { fakeReserve } from './fakes.js'
import { auditPlugin, basics, quiet } from './support.js'

/** Contract 1 names a rocket; contract 2 names a list of stages. */
type Launch1 = Omit<Action, 'input'> & { readonly input: { readonly rocket: string } }
type Launch2 = Omit<Action, 'input'> & { readonly input: { readonly stages: readonly string[] } }

const previous = {
  up: (before: Launch1): Launch2 => ({ ...before, input: { stages: before.input.rocket.split('+') } }),
  down: (now: Launch2): Launch1 => {
    if (now.input.stages.length === 0) throw new Error('no stages')
    return { ...now, input: { rocket: now.input.stages.join('+') } }
  },
}
const answers = {
  up: ({ rocket }: { readonly rocket: string }): Json => ({ stages: rocket.split('+') }),
  down: (now: Json) => ({ rocket: (now as { stages: string[] }).stages.join('+') }),
}

const prepareNow = defineHook.transform<Launch2, Json, 'prepareLaunch'>('prepareLaunch', 2, { previous, answers })
const guardNow = defineHook.guard<Launch2, 'beforeLaunch'>('beforeLaunch', 2, { previous })
const reserveNow = defineHook.reserve<Launch2, 'reserveLaunch'>('reserveLaunch', 2, { previous })
const prepareBefore = defineHook.transform<Launch1, { readonly rocket: string }, 'prepareLaunch'>('prepareLaunch', 1)
const guardBefore = defineHook.guard<Launch1, 'beforeLaunch'>('beforeLaunch', 1)
const reserveBefore = defineHook.reserve<Launch1, 'reserveLaunch'>('reserveLaunch', 1)

const launch = actionKind<{ stages: string[] }, Json, 'test.launch'>({
  id: 'test.launch',
  contract: 1,
  record: 'launch',
  onApproval: 'caller',
  prepare: prepareNow,
  guard: guardNow,
  reserve: reserveNow,
})

const pad = definePlugin({
  id: 'test.pad',
  ...basics,
  executes: [launch],
  setup: ({ actions }) =>
    actions.execute(launch, {
      input: {
        type: 'object',
        properties: { stages: { type: 'array', items: { type: 'string' } } },
        required: ['stages'],
      },
      execute: (input) => input,
    }),
})

const kernels: { stop(): Promise<void> }[] = []
afterEach(async () => {
  for (const kernel of kernels.splice(0)) await kernel.stop()
})

async function launched(old: Plugin, stages: string[]) {
  const distribution = defineDistribution({
    name: 'test',
    version: '1.0.0',
    plugins: [auditPlugin(), pad, old],
    mayAllow: ['test.old'],
  })
  const kernel = createKernel(distribution, { log: () => quiet, osUser: 'tester' })
  kernels.push(kernel)
  await kernel.start()
  return kernel.act(launch, { target: 'pad', input: { stages } })
}

describe('a plugin that was built for the hooks of the contract before', () => {
  const seen: unknown[] = []
  const old = definePlugin({
    id: 'test.old',
    ...basics,
    taps: [prepareBefore, guardBefore, reserveBefore],
    setup({ hooks }) {
      hooks.transform(prepareBefore, async ({ input }) => (input.rocket === 'a' ? { rocket: 'a+b' } : undefined))
      hooks.guard(guardBefore, ({ input }) => {
        seen.push(input)
        return input.rocket.includes('bad') ? deny('it is bad') : allow()
      })
      const reserve = fakeReserve()
      hooks.reserve(reserveBefore, {
        ...reserve,
        take: (ref, action) => {
          seen.push(action.input)
          return reserve.take(ref, action as never)
        },
      })
    },
  })

  it('sees what it was built for, and its rewriting counts', async () => {
    expect(await launched(old, ['a'])).toMatchObject({ status: 'done', output: { stages: ['a', 'b'] } })
    expect(seen.splice(0)).toEqual([{ rocket: 'a+b' }, { rocket: 'a+b' }])
  })

  it('keeps what it does not rewrite, and denies', async () => {
    expect(await launched(old, ['x', 'y'])).toMatchObject({ status: 'done', output: { stages: ['x', 'y'] } })
    expect(await launched(old, ['bad'])).toMatchObject({
      status: 'denied',
      reason: expect.stringContaining('it is bad'),
    })
  })

  it('denies where its adapter throws', async () => {
    const guard = definePlugin({
      id: 'test.old',
      ...basics,
      taps: [guardBefore],
      setup: ({ hooks }) => hooks.guard(guardBefore, () => allow()),
    })
    expect(await launched(guard, [])).toMatchObject({ status: 'denied', code: 'GUARD_THREW' })
  })
})
