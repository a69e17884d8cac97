import { setImmediate as turn } from 'node:timers/promises'
import { type AuditLog, ask, definePlugin, type Plugin, reserveToolCall } from 'cloned/kernel'
import { memoryAudit } from 'cloned/testing'
import { describe, expect, it } from 'vitest'
import { fakeApprovals, fakeReserve } from '../kernel/fakes.js'
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

function reservePlugin(reserve: ReturnType<typeof fakeReserve>, id = 'test.reserve'): Plugin {
  return definePlugin({
    id,
    ...basics,
    taps: [reserveToolCall],
    setup: ({ hooks }) => hooks.reserve(reserveToolCall, reserve),
  })
}

describe('a log that is late', () => {
  /** A log whose first record becomes durable, or something else, when told. */
  function lateLog(answer: (real: Awaited<ReturnType<AuditLog['append']>>) => unknown) {
    const log = memoryAudit()
    let first = true
    let release = () => {}
    const gate = new Promise<void>((resolve) => (release = resolve))
    const append: AuditLog['append'] = (record) => {
      if (!first) return log.append(record)
      first = false
      return gate.then(async () => answer(await log.append(record)) as never)
    }
    return { log: { ...log, append }, records: log.records, release }
  }

  it('with an intent has it followed by the outcome that nothing ran', async () => {
    const { log, records, release } = lateLog((receipt) => receipt)
    const { tool, ran } = counter()
    const kernel = await started([allowAll, auditPlugin(log), toolsPlugin([tool])], { limits: { recordMs: 20 } })
    expect(await kernel.call(CALL)).toMatchObject({ status: 'denied', code: 'AUDIT_UNWRITABLE' })
    release()
    await kernel.stop()
    expect(ran).toHaveLength(0)
    const types = records().map(({ record }) => [record['type'], record['status']])
    expect(types.at(-1)).toEqual(['tool.outcome', 'denied'])
    expect(types.filter(([type]) => type === 'tool.intent')).toHaveLength(1)
  })

  it.each([undefined, null, true, { seq: 1 }])(
    'with an answer that is no receipt (%j) is late for nobody',
    async (junk) => {
      const { log, release } = lateLog(() => junk)
      const kernel = await started([allowAll, auditPlugin(log), toolsPlugin([counter().tool])], {
        limits: { recordMs: 20 },
      })
      expect(await kernel.call(CALL)).toMatchObject({ status: 'denied', code: 'AUDIT_UNWRITABLE' })
      release()
      await turn()
      await kernel.stop()
    },
  )
})

describe('a take', () => {
  const lost: [string, unknown][] = [
    ['has a token that JSON cannot say', { ok: true, token: 1n }],
    ['has no token', { ok: true }],
    ['is no answer', 'taken'],
  ]
  it.each(lost)('whose answer %s denies the call and is given back', async (_, answer) => {
    const reserve = fakeReserve()
    const { take } = reserve
    reserve.take = async (ref, action) => {
      await take(ref, action)
      return answer as never
    }
    const { tool, ran } = counter()
    const kernel = await started([allowAll, reservePlugin(reserve), auditPlugin(), toolsPlugin([tool])])
    const outcome = await kernel.call(CALL)
    expect(outcome).toMatchObject({ status: 'denied', code: 'RESERVE_FAILED' })
    expect(reserve.takes.get(outcome.callId)?.state).toBe('release')
    expect(ran).toHaveLength(0)
    await kernel.stop()
  })

  it.each(lost.slice(0, 2))('of an approval whose answer %s denies the call and is given back', async (_, answer) => {
    const approvals = fakeApprovals()
    const { take } = approvals
    approvals.take = async (ref, id, use) => {
      await take(ref, id, use)
      return answer as never
    }
    const asks = guardPlugin('test.policy', () => ask('sure?', 'k'))
    const { tool, ran } = counter()
    const kernel = await started([asks, approvalsPlugin(approvals), auditPlugin(), toolsPlugin([tool])])
    const pending = await kernel.call(CALL)
    if (pending.status !== 'pending') throw new Error('expected a pending call')
    await approvals.decide(pending.approval.id, { verdict: 'approve', by: kernel.actor() })
    const outcome = await kernel.call(CALL)
    expect(outcome).toMatchObject({ status: 'denied', code: 'APPROVALS_FAILED' })
    expect(approvals.takes.get(outcome.callId)?.state).toBe('release')
    expect(ran).toHaveLength(0)
    await kernel.stop()
  })

  it('that cannot be given back keeps neither the call nor the stop waiting for ever', async () => {
    const stuck = fakeReserve()
    stuck.settle = () => new Promise(() => {})
    const full = fakeReserve(0)
    const plugins = [allowAll, reservePlugin(stuck, 'test.first'), reservePlugin(full, 'test.second'), auditPlugin()]
    const kernel = await started([...plugins, toolsPlugin([counter().tool])], { limits: { reserveMs: 20 } })
    expect(await kernel.call(CALL)).toMatchObject({ status: 'denied', code: 'RESERVE_REFUSED' })
    await kernel.stop()
    expect(kernel.state).toBe('stopped')
  })

  it('of an approval is settled before the answer, and nobody waits for a reserve that is slow to settle', async () => {
    const approvals = fakeApprovals()
    const slow = fakeReserve()
    let go = () => {}
    const told = new Promise<void>((resolve) => (go = resolve))
    const settlesAfter = (taker: Pick<typeof slow, 'settle'>, wait: () => Promise<unknown>) => {
      const { settle } = taker
      taker.settle = async (...how) => {
        await wait()
        await settle(...how)
      }
    }
    settlesAfter(slow, () => told)
    settlesAfter(approvals, () => turn())
    const asks = guardPlugin('test.policy', () => ask('sure?', 'k'))
    const plugins = [asks, approvalsPlugin(approvals), reservePlugin(slow), auditPlugin()]
    const kernel = await started([...plugins, toolsPlugin([counter().tool])], { limits: { reserveMs: 600_000 } })
    const pending = await kernel.call(CALL)
    if (pending.status !== 'pending') throw new Error('expected a pending call')
    await approvals.decide(pending.approval.id, { verdict: 'approve', by: kernel.actor() })
    const outcome = await kernel.call(CALL)
    expect(outcome.status).toBe('done')
    expect(approvals.takes.get(outcome.callId)?.state).toBe('commit')
    expect(slow.takes.get(outcome.callId)?.state).toBe('taken')
    go()
    await kernel.stop()
    expect(slow.takes.get(outcome.callId)?.state).toBe('commit')
  })

  it('of the first reserve is given back when the second refuses', async () => {
    const first = fakeReserve()
    const kernel = await started([
      allowAll,
      reservePlugin(first, 'test.first'),
      reservePlugin(fakeReserve(0), 'test.second'),
      auditPlugin(),
      toolsPlugin([counter().tool]),
    ])
    const { callId } = await kernel.call(CALL)
    expect(first.takes.get(callId)?.state).toBe('release')
    await kernel.stop()
  })
})
