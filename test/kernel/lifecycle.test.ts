import { setImmediate as turn } from 'node:timers/promises'
import {
  ClonedError,
  createKernel,
  type Distribution,
  defineDistribution,
  definePlugin,
  defineTool,
  instancesSlot,
  type Kernel,
  onReady,
  type Plugin,
  slot,
} from 'cloned/kernel'
import { describe, expect, it } from 'vitest'
import { fakeInstances } from './fakes.js'
import { allowAll, auditPlugin, basics, counter, quiet, toolsPlugin } from './support.js'

type Step = () => void | Promise<void>
interface Steps {
  start?: Step
  drain?: Step
  stop?: Step
  needs?: string
}

const slotOf = (name: string) => slot<object>(`test.${name}`, { contract: 1 })

/** A plugin that writes down what happens to it. */
function p(name: string, log: string[], { start, drain, stop, needs }: Steps = {}): Plugin {
  return definePlugin({
    id: `test.${name}`,
    ...basics,
    provides: { own: slotOf(name) },
    requires: needs === undefined ? {} : { need: slotOf(needs) },
    setup({ onStart, onDrain, onStop }) {
      log.push(`setup ${name}`)
      const step = (what: string, run?: Step) => () => {
        log.push(`${what} ${name}`)
        return run?.()
      }
      onStart(step('start', start))
      onDrain(step('drain', drain))
      onStop(step('stop', stop))
      return { own: {} }
    },
  })
}

const LIMITS = { startMs: 30, drainMs: 30, stopMs: 30 }

function create(plugins: readonly Plugin[], more: Partial<Distribution> = {}): Kernel {
  const distribution = defineDistribution({
    name: 'test',
    version: '1.0.0',
    plugins,
    mayAllow: [],
    limits: LIMITS,
    ...more,
  })
  return createKernel(distribution, { log: () => quiet, osUser: 'tester' })
}

const boom: Step = () => {
  throw new Error('boom')
}
const never: Step = () => new Promise(() => {})

describe('a kernel starts and stops', () => {
  it('in the order of needs, drains before it stops, and stops in exact reverse', async () => {
    const log: string[] = []
    const kernel = create([p('c', log, { needs: 'b' }), p('a', log), p('b', log, { needs: 'a' })])
    expect(log.splice(0)).toEqual(['setup a', 'setup b', 'setup c'])
    await kernel.start()
    expect(log.splice(0)).toEqual(['start a', 'start b', 'start c'])
    expect(kernel.state).toBe('started')
    await kernel.stop()
    expect(log.splice(0)).toEqual(['drain c', 'drain b', 'drain a', 'stop c', 'stop b', 'stop a'])
    expect(kernel.state).toBe('stopped')
  })

  it('each step after the one before has ended', async () => {
    const log: string[] = []
    const slow =
      (what: string): Step =>
      async () => {
        await turn()
        log.push(what)
      }
    const kernel = create([
      p('a', log, { start: slow('a is up'), stop: slow('a is down') }),
      p('b', log, { needs: 'a', stop: slow('b is down') }),
    ])
    await kernel.start()
    await kernel.stop()
    expect(log.filter((line) => line.includes('is'))).toEqual(['a is up', 'b is down', 'a is down'])
    expect(log.indexOf('a is up')).toBeLessThan(log.indexOf('start b'))
    expect(log.indexOf('b is down')).toBeLessThan(log.indexOf('stop a'))
  })

  it('runs several steps of one plugin in order, and its stop steps in reverse', async () => {
    const log: string[] = []
    const many = definePlugin({
      id: 'test.many',
      ...basics,
      setup({ onStart, onStop }) {
        for (const n of [1, 2]) {
          onStart(() => void log.push(`start ${n}`))
          onStop(() => void log.push(`stop ${n}`))
        }
      },
    })
    const kernel = create([many])
    await kernel.start()
    await kernel.stop()
    expect(log).toEqual(['start 1', 'start 2', 'stop 2', 'stop 1'])
  })

  it('stops without a start, without draining', async () => {
    const log: string[] = []
    const kernel = create([p('a', log)])
    await kernel.stop()
    expect(log).toEqual(['setup a', 'stop a'])
    expect(kernel.state).toBe('stopped')
  })

  it('stops once, however often it is told to', async () => {
    const log: string[] = []
    const kernel = create([p('a', log)])
    await kernel.start()
    await Promise.all([kernel.stop(), kernel.stop()])
    await kernel.stop()
    await kernel[Symbol.asyncDispose]()
    expect(log.filter((line) => line === 'stop a')).toHaveLength(1)
  })

  it('starts once, and never again after a stop', async () => {
    const kernel = create([])
    await kernel.start()
    await expect(kernel.start()).rejects.toMatchObject({ code: 'KERNEL_STATE' })
    await kernel.stop()
    await expect(kernel.start()).rejects.toMatchObject({ code: 'KERNEL_STATE' })
  })

  it('that is told to stop while it starts ends stopped, with nothing started left running', async () => {
    const log: string[] = []
    const up = new Set<string>()
    const tracked = (name: string): Steps => ({
      start: async () => {
        await turn()
        up.add(name)
      },
      stop: () => void up.delete(name),
    })
    const kernel = create([p('a', log, tracked('a')), p('b', log, { ...tracked('b'), needs: 'a' })])
    const starting = kernel.start()
    await kernel.stop()
    await starting
    expect([...up]).toEqual([])
    expect(kernel.state).toBe('stopped')
    expect(await kernel.call({ tool: 'test.none@v1', input: {} })).toMatchObject({ code: 'KERNEL_STATE' })
  })

  it('tells its observers that it is ready after everything has started', async () => {
    const log: string[] = []
    const told = definePlugin({
      id: 'test.told',
      ...basics,
      taps: [onReady],
      setup: ({ hooks }) => hooks.observe(onReady, ({ instance }) => void log.push(`ready ${instance}`)),
    })
    const kernel = create([told, p('a', log)])
    await kernel.start()
    expect(log).toEqual(['setup a', 'start a', `ready ${kernel.instance}`])
    await kernel.stop()
  })
})

describe('a start that fails', () => {
  const fails: [string, Step, string, RegExp][] = [
    ['a throw', boom, 'START_FAILED', /"test.b".*boom/],
    ['a rejection with undefined', () => Promise.reject(undefined), 'START_FAILED', /"test.b".*undefined/],
    ['a hang', never, 'START_FAILED', /"test.b" did not finish start in 30 ms.*startMs/s],
  ]
  it.each(fails)('by %s blames the plugin and stops what had started, and only that', async (_, start, code, says) => {
    const log: string[] = []
    const kernel = create([p('a', log), p('b', log, { start, needs: 'a' }), p('c', log, { needs: 'b' })])
    const error = await kernel.start().then(
      () => undefined,
      (thrown: unknown) => thrown as ClonedError,
    )
    expect(error).toMatchObject({ code, plugin: 'test.b' })
    expect(`${error?.message} ${(error?.cause as ClonedError | undefined)?.help}`).toMatch(says)
    expect(log).toEqual(['setup a', 'setup b', 'setup c', 'start a', 'start b', 'stop b', 'stop a'])
    expect(kernel.state).toBe('stopped')
  })

  it('keeps the code of a workspace that cannot be used', async () => {
    const unusable = () => {
      throw new ClonedError('FILE_INVALID', { path: 'x', line: '', problem: 'broken' })
    }
    await expect(create([p('a', [], { start: unusable })]).start()).rejects.toMatchObject({
      code: 'FILE_INVALID',
      exit: 6,
    })
  })

  it('names what failed to stop as well', async () => {
    const kernel = create([p('a', [], { stop: boom }), p('b', [], { start: boom, needs: 'a' })])
    await expect(kernel.start()).rejects.toThrow(/"test.b" failed to start: boom.*"test.a" failed in stop/s)
  })

  it('may be stopped once more, and runs nothing', async () => {
    const { tool, ran } = counter()
    const kernel = create([allowAll, auditPlugin(), toolsPlugin([tool]), p('b', [], { start: boom })], {
      mayAllow: ['test.policy'],
    })
    await expect(kernel.start()).rejects.toThrow()
    expect(await kernel.call({ tool: tool.id, input: { a: 1, b: 2 } })).toMatchObject({
      status: 'denied',
      code: 'KERNEL_STATE',
    })
    await kernel.stop()
    expect(ran).toHaveLength(0)
  })
})

describe('a stop', () => {
  it('goes on after every failure, with a deadline each, and reports them all', async () => {
    const log: string[] = []
    const kernel = create([
      p('a', log),
      p('b', log, { stop: boom, needs: 'a' }),
      p('c', log, { stop: never, needs: 'b' }),
      p('d', log, { drain: boom, stop: () => Promise.reject(undefined), needs: 'c' }),
    ])
    await kernel.start()
    const error = await kernel.stop().then(
      () => undefined,
      (thrown: unknown) => thrown as ClonedError,
    )
    expect(error).toMatchObject({ code: 'STOP_FAILED', params: { count: 4 } })
    for (const says of [
      /"test.d" failed in drain/,
      /"test.d" failed in stop/,
      /"test.c" did not finish stop/,
      /"test.b" failed in stop: boom/,
    ]) {
      expect(error?.message).toMatch(says)
    }
    expect(log.slice(-4)).toEqual(['stop d', 'stop c', 'stop b', 'stop a'])
    expect(kernel.state).toBe('stopped')
  })

  it('lets a call in flight end, and refuses the next one', async () => {
    let finish = () => {}
    const slow = defineTool({
      id: 'test.slow.wait@v1',
      title: 'Wait',
      description: 'Waits until it is told',
      risk: 'low',
      capability: 'x',
      input: { type: 'object' },
      output: {},
      handler: () => new Promise((resolve) => (finish = () => resolve(null))),
    })
    const kernel = create([allowAll, auditPlugin(), toolsPlugin([slow])], { mayAllow: ['test.policy'] })
    await kernel.start()
    const running = kernel.call({ tool: slow.id, input: {} })
    await turn()
    const stopping = kernel.stop()
    await turn()
    expect(await kernel.call({ tool: slow.id, input: {} })).toMatchObject({ status: 'denied', code: 'KERNEL_STATE' })
    finish()
    expect(await running).toMatchObject({ status: 'done' })
    await stopping
  })

  const leaving: [string, () => Promise<void>, RegExp][] = [
    ['throws', () => Promise.reject(new Error('boom')), /cloned.kernel.*boom/],
    ['never ends', () => new Promise(() => {}), /cloned.kernel.*30 ms/],
  ]
  it.each(leaving)('reports that leaving %s, and is stopped all the same', async (_, leave, says) => {
    const instances = { ...fakeInstances(), enter: async () => ({ id: 'i1', leave }) }
    const owner = definePlugin({
      id: 'test.instances',
      ...basics,
      provides: { instances: instancesSlot },
      setup: () => ({ instances }),
    })
    const kernel = create([owner])
    await kernel.start()
    await expect(kernel.stop()).rejects.toThrow(says)
    expect(kernel.state).toBe('stopped')
  })
})

describe('a kernel that has stopped', () => {
  it('leaves no timer, handle or request behind', async () => {
    const rounds = 20
    const { tool } = counter()
    const live = async () => {
      const steps = p('a', [], { start: () => turn() })
      const kernel = create([allowAll, auditPlugin(), toolsPlugin([tool]), steps], { mayAllow: ['test.policy'] })
      await kernel.start()
      await kernel.call({ tool: tool.id, input: { a: 1, b: 2 } }, { deadlineMs: 60_000 })
      await kernel.stop()
    }
    await live()
    const before = process.getActiveResourcesInfo().length
    for (let round = 0; round < rounds; round++) await live()
    // The test runner has timers of its own that come and go; what a kernel left would be there once a round.
    expect(process.getActiveResourcesInfo().length - before).toBeLessThan(rounds / 2)
  })
})
