import { setImmediate as turn } from 'node:timers/promises'
import { type Action, allow, ask, beforeToolCall, definePlugin, onApprovalRequested } from 'cloned/kernel'
import { describe, expect, it } from 'vitest'
import { fakeApprovals } from '../kernel/fakes.js'
import {
  allowAll,
  approvalsPlugin,
  auditPlugin,
  basics,
  counter,
  guardPlugin,
  started,
  toolsPlugin,
} from '../kernel/support.js'
import { refuseUnhandledRejections } from './unhandled.js'

const CALL = { tool: 'test.math.add@v1', input: { a: 1, b: 2 }, actor: 'agent:a' }

refuseUnhandledRejections()

describe('what must be there', () => {
  it('a required guard that is not listed keeps the kernel from starting', async () => {
    const boot = started([allowAll, auditPlugin()], { requireGuards: { beforeToolCall: ['test.policy', 'acme.dlp'] } })
    await expect(boot).rejects.toThrow(/GUARD_MISSING.*acme\.dlp/)
  })

  it('a required guard that abstains has voted; nobody allowing is still a deny', async () => {
    const silent = guardPlugin('test.policy', () => undefined)
    const kernel = await started([silent, auditPlugin(), toolsPlugin([counter().tool])], {
      requireGuards: { beforeToolCall: ['test.policy'] },
    })
    expect(await kernel.call(CALL)).toMatchObject({ status: 'denied', code: 'NO_ALLOW' })
    await kernel.stop()
  })

  it('a channel that fails says so: the request stands and nobody counts as told', async () => {
    const channel = (id: string, notify: () => boolean | Promise<boolean>) =>
      definePlugin({
        id,
        ...basics,
        taps: [onApprovalRequested],
        setup: ({ hooks }) => hooks.notify(onApprovalRequested, notify),
      })
    const kernel = await started([
      guardPlugin('test.policy', () => ask('sure?', 'k')),
      channel('test.mute', () => Promise.reject(new Error('no network'))),
      channel('test.works', async () => true),
      approvalsPlugin(fakeApprovals()),
      auditPlugin(),
      toolsPlugin([counter().tool]),
    ])
    expect(await kernel.call(CALL)).toMatchObject({ status: 'pending', delivered: ['test.works'] })
    await kernel.stop()
  })

  it('a guard that answers after its time does not get a second vote', async () => {
    let answer = (_: ReturnType<typeof allow>) => {}
    const late = guardPlugin('test.policy', (_: Action) => new Promise((resolve) => (answer = resolve)))
    const { tool, ran } = counter()
    const kernel = await started([late, auditPlugin(), toolsPlugin([tool])], { limits: { guardMs: 20 } })
    const outcome = await kernel.call(CALL)
    answer(allow())
    await turn()
    expect(outcome).toMatchObject({ status: 'denied', code: 'GUARD_TIMEOUT' })
    expect(outcome.ballot).toHaveLength(1)
    expect(ran).toHaveLength(0)
    await kernel.stop()
  })

  it('a guard sees its signal abort when its time is up', async () => {
    let signal: AbortSignal | undefined
    const hanging = definePlugin({
      id: 'test.policy',
      ...basics,
      taps: [beforeToolCall],
      setup: ({ hooks }) =>
        hooks.guard(beforeToolCall, (_, ctx) => {
          signal = ctx.signal
          return new Promise(() => {})
        }),
    })
    const kernel = await started([hanging, auditPlugin(), toolsPlugin([counter().tool])], { limits: { guardMs: 20 } })
    await kernel.call(CALL)
    expect(signal?.aborted).toBe(true)
    await kernel.stop()
  })
})
