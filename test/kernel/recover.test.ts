import {
  type AuditLog,
  type AuditRecord,
  approvalsSlot,
  auditSlot,
  definePlugin,
  instancesSlot,
  type Json,
  type Kernel,
  type Plugin,
  reserveToolCall,
  type Taker,
} from 'cloned/kernel'
import { memoryAudit } from 'cloned/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { fakeApprovals, fakeInstances, fakeReserve } from './fakes.js'
import { allowAll, basics, counter, started, toolsPlugin } from './support.js'

const TS = '2026-01-01T00:00:00.000Z'
const DEAD = 'dead-1'
const RESERVE = 'test.reserve'

let log: ReturnType<typeof memoryAudit>
let reserve: ReturnType<typeof fakeReserve>
let approvals: ReturnType<typeof fakeApprovals>
let instances: ReturnType<typeof fakeInstances>

beforeEach(() => {
  log = memoryAudit()
  reserve = fakeReserve()
  approvals = fakeApprovals()
  instances = fakeInstances([DEAD])
})

function plugins(audit: AuditLog = log): Plugin[] {
  return [
    definePlugin({
      id: 'test.parts',
      ...basics,
      provides: { audit: auditSlot, approvals: approvalsSlot, instances: instancesSlot },
      setup: () => ({ audit, approvals, instances }),
    }),
    definePlugin({
      id: RESERVE,
      ...basics,
      taps: [reserveToolCall],
      setup: ({ hooks }) => hooks.reserve(reserveToolCall, reserve),
    }),
    allowAll,
    toolsPlugin([counter().tool]),
  ]
}

const start = (audit?: AuditLog): Promise<Kernel> => started(plugins(audit))

const intent = (callId: string, takes?: Json, instance = DEAD): AuditRecord => ({
  type: 'tool.intent',
  ts: TS,
  call_id: callId,
  instance,
  kind: 'tool.call',
  target: 'test.math.add@v1',
  ...(takes === undefined ? {} : { takes }),
})
const outcome = (callId: string, fields: { status: string; effect?: string }): AuditRecord => ({
  type: 'tool.outcome',
  intent: 1,
  ts: TS,
  call_id: callId,
  ...fields,
})
const records = () => log.records().map(({ record }) => record)
const stateOf = (callId: string) => reserve.takes.get(callId)?.state

describe('a call of an instance that died', () => {
  it('without an intent gives back what it took', async () => {
    await reserve.take({ callId: 'c1', instance: DEAD }, {} as never)
    approvals.add({ callId: 'c1', instance: DEAD }, 'ap_1')
    const kernel = await start()
    expect(stateOf('c1')).toBe('release')
    expect(approvals.takes.get('c1')?.state).toBe('release')
    expect(records()).toEqual([])
    expect(kernel.recovered).toEqual([{ instance: DEAD, released: 2, settled: 0, indeterminate: 0 }])
    await kernel.stop()
  })

  const endings: [string, { status: string; effect?: string }, 'commit' | 'release'][] = [
    ['that was done', { status: 'done' }, 'commit'],
    ['that failed with an effect', { status: 'failed', effect: 'happened' }, 'commit'],
    ['that failed with an unknown effect', { status: 'failed', effect: 'unknown' }, 'commit'],
    ['that failed without effect', { status: 'failed', effect: 'none' }, 'release'],
    ['that was denied after its intent', { status: 'denied' }, 'release'],
    ['that is indeterminate', { status: 'indeterminate', effect: 'unknown' }, 'commit'],
    ['of an unknown kind', { status: 'something-new' }, 'commit'],
  ]
  it.each(endings)('with an outcome %s is settled by it, and nothing is recorded again', async (_, fields, how) => {
    await reserve.take({ callId: 'c1', instance: DEAD }, {} as never)
    const { seq } = await log.append(intent('c1', { [RESERVE]: 1 }))
    await log.append(outcome('c1', fields))
    const kernel = await start()
    expect(reserve.takes.get('c1')).toMatchObject({ state: how, seq })
    expect(records()).toHaveLength(2)
    await kernel.stop()
  })

  it('with an intent alone stays taken and is recorded as indeterminate, once only', async () => {
    await reserve.take({ callId: 'c1', instance: DEAD }, {} as never)
    await log.append(intent('c1', { [RESERVE]: 1 }))
    const first = await start()
    expect(first.recovered).toEqual([{ instance: DEAD, released: 0, settled: 1, indeterminate: 1 }])
    expect(stateOf('c1')).toBe('commit')
    expect(records().at(-1)).toMatchObject({
      type: 'tool.outcome',
      call_id: 'c1',
      instance: DEAD,
      status: 'indeterminate',
      effect: 'unknown',
      code: 'INSTANCE_DIED',
      recovered_by: first.instance,
    })
    await first.stop()
    instances = fakeInstances([DEAD])
    const second = await start()
    expect(second.recovered).toEqual([{ instance: DEAD, released: 0, settled: 0, indeterminate: 0 }])
    expect(records()).toHaveLength(2)
    await second.stop()
  })

  it('whose take a power cut took back is taken again from its intent', async () => {
    await log.append(intent('c1', { [RESERVE]: 1, approvals: 'ap_1' }))
    await log.append(outcome('c1', { status: 'done' }))
    await log.append(intent('c2', { [RESERVE]: 1 }))
    const kernel = await start()
    expect(stateOf('c1')).toBe('commit')
    expect(stateOf('c2')).toBe('commit')
    expect(approvals.takes.get('c1')).toMatchObject({ token: 'ap_1', state: 'commit' })
    await kernel.stop()
  })

  it('that was settled before is not taken again', async () => {
    await reserve.take({ callId: 'c1', instance: DEAD }, {} as never)
    const { seq } = await log.append(intent('c1', { [RESERVE]: 1 }))
    await log.append(outcome('c1', { status: 'done' }))
    await reserve.settle('c1', 'commit', seq)
    const restored: string[] = []
    reserve.restore = async ({ callId }) => void restored.push(callId)
    const kernel = await start()
    expect(restored).toEqual([])
    await kernel.stop()
  })
})

describe('recovery', () => {
  it('forgets an instance when it is done, and leaves living ones alone', async () => {
    await reserve.take({ callId: 'alive', instance: 'living-7' }, {} as never)
    await log.append(intent('alive', { [RESERVE]: 1 }, 'living-7'))
    const kernel = await start()
    expect(stateOf('alive')).toBe('taken')
    expect(records()).toHaveLength(1)
    expect(instances.ends.get(DEAD)).toBe('forgotten')
    await kernel.stop()
  })

  it('happens before anything runs', async () => {
    await log.append(intent('c1'))
    const kernel = await start()
    const { callId } = await kernel.call({ tool: 'test.math.add@v1', input: { a: 1, b: 2 } })
    const order = records().map((record) => record['call_id'])
    expect(order.lastIndexOf('c1')).toBeLessThan(order.indexOf(callId))
    await kernel.stop()
  })

  const boom = () => Promise.reject(new Error('boom'))
  const breaks = (taker: Taker, method: keyof Taker): undefined => {
    Object.assign(taker, { [method]: boom })
  }
  const failures: [string, () => AuditLog | undefined][] = [
    ['the log cannot be read', () => ({ ...log, calls: boom })],
    ['the log takes no record', () => ({ ...log, append: boom })],
    ['a take cannot be listed', () => breaks(reserve, 'unsettled')],
    ['a take cannot be settled', () => breaks(reserve, 'settle')],
    ['a take cannot be restored', () => breaks(reserve, 'restore')],
    ['a take does not say how far it is settled', () => breaks(reserve, 'settledUpTo')],
    ['an approval cannot be settled', () => breaks(approvals, 'settle')],
  ]
  it.each(failures)(
    'that fails because %s denies every action and leaves every dead instance for later',
    async (_, break_) => {
      instances = fakeInstances([DEAD, 'dead-2'])
      approvals.add({ callId: 'c0', instance: DEAD }, 'ap_1')
      await reserve.take({ callId: 'c0', instance: DEAD }, {} as never)
      await log.append(intent('c1', { [RESERVE]: 1 }))
      const kernel = await start(break_() ?? log)
      expect(kernel.state).toBe('started')
      expect(await kernel.call({ tool: 'test.math.add@v1', input: { a: 1, b: 2 } })).toMatchObject({
        status: 'denied',
        code: 'RECOVERY_FAILED',
      })
      expect([...instances.ends]).toEqual([
        [DEAD, 'released'],
        ['dead-2', 'released'],
      ])
      await kernel.stop()
    },
  )

  it('that failed half-way ends the same when it is done again', async () => {
    await reserve.take({ callId: 'c1', instance: DEAD }, {} as never)
    await log.append(intent('c1', { [RESERVE]: 1 }))
    const { settle } = reserve
    reserve.settle = boom
    await (await start()).stop()
    reserve.settle = settle
    const kernel = await start()
    expect(stateOf('c1')).toBe('commit')
    expect(records().filter(({ status }) => status === 'indeterminate')).toHaveLength(1)
    expect(instances.ends.get(DEAD)).toBe('forgotten')
    await kernel.stop()
  })
})
